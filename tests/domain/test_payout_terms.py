"""Payout terms: no account numbers, zones that exist, and local times on days of clock changes."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.merchants.payout_terms import PayoutTerms
from domain.payouts.account_numbers import may_be_account_number

ACCOUNT_NUMBERS = [
    "12345678",
    "12-34-56-78",
    "account 1234 5678 please",
    "１２３４５６７８",
    "١٢٣٤٥٦٧٨",
    "⑫③④⑤⑥⑦⑧⑨",
    "1\u200b2\u200b3\u200b4\u200b5\u200b6\u200b7\u200b8",
    "DE89370400440532013000",
    "de89 3704 0044 0532 0130 00",
    "iban:DE89.3704.0044.0532.0130.00",
    "ＤＥ８９３７０４００４４０５３２０１３０００",
    "MT31MALTABCDEFGHIJKLMNOPQRSTUVW"[:31],
]
REFERENCES = ["bank account 1", "Banco do Brasil, main", "acct-7 (EUR)", "ledger 1234567", "café ✓"]


@pytest.mark.parametrize("text", ACCOUNT_NUMBERS[:-1])
def test_a_destination_that_looks_like_an_account_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        PayoutTerms(text).check()

    assert text not in refusal.value.detail


def test_an_iban_with_few_digits_is_recognised_by_its_check_digits() -> None:
    bban = "MALTABCDEFGHIJKLMNOPQRSTUVW"
    number = int("".join(str(int(character, 36)) for character in f"{bban}MT00"))
    iban = f"MT{98 - number % 97:02}{bban}"

    assert may_be_account_number(iban)
    assert may_be_account_number(f"pay to {iban.lower()}, now")
    assert not may_be_account_number(f"{bban}")


@pytest.mark.parametrize("text", REFERENCES)
def test_other_references_are_destinations(text: str) -> None:
    PayoutTerms(text).check()


@given(st.text(max_size=100))
def test_no_text_breaks_the_recognition(text: str) -> None:
    assert may_be_account_number(text) in {True, False}


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (PayoutTerms(""), "destination"),
        (PayoutTerms("x" * 81), "destination"),
        (PayoutTerms("a\0b"), "destination"),
        (PayoutTerms("a\ud800"), "destination"),
        (PayoutTerms("a", "24:00"), "daily_at"),
        (PayoutTerms("a", "6:00"), "daily_at"),
        (PayoutTerms("a", "06:00:00"), "daily_at"),
        (PayoutTerms("a", "06:00\n"), "daily_at"),
        (PayoutTerms("a", "٠٦:٠٠"), "daily_at"),
        (PayoutTerms("a", ""), "daily_at"),
        (PayoutTerms("a", "06:00", "Europe/Atlantis"), "zone"),
        (PayoutTerms("a", "06:00", ""), "zone"),
        (PayoutTerms("a", "06:00", "../../etc/passwd"), "zone"),
        (PayoutTerms("a", "06:00", "/etc/localtime"), "zone"),
        (PayoutTerms("a", "06:00", "Europe"), "zone"),
        (PayoutTerms("a", "06:00", "UTC\0"), "zone"),
        (PayoutTerms("a", "06:00", "x" * 5000), "zone"),
    ],
)
def test_bad_terms_are_refused_by_the_name_of_their_field(terms: PayoutTerms, field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        terms.check()

    assert [param["name"] for param in refusal.value.facts["invalid_params"]] == [field]  # type: ignore[union-attr,index]


def next_of(zone: str, at: str, after: datetime) -> str:
    due = PayoutTerms("a", at, zone).next_daily(after)
    assert due is not None
    return f"{due:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("zone", "at", "after", "due"),
    [
        ("UTC", "06:00", datetime(2026, 5, 1, 6, 0, tzinfo=UTC), "2026-05-02 06:00"),
        ("UTC", "06:00", datetime(2026, 5, 1, 5, 59, tzinfo=UTC), "2026-05-01 06:00"),
        # New York, 8 March: 02:30 does not exist and is made up for an hour later, at 03:30.
        ("America/New_York", "02:30", datetime(2026, 3, 8, 6, 0, tzinfo=UTC), "2026-03-08 07:30"),
        ("America/New_York", "02:30", datetime(2026, 3, 8, 7, 30, tzinfo=UTC), "2026-03-09 06:30"),
        # New York, 1 November: of the two 01:30 the first counts.
        ("America/New_York", "01:30", datetime(2026, 11, 1, 0, 0, tzinfo=UTC), "2026-11-01 05:30"),
        ("America/New_York", "01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "2026-11-02 06:30"),
        # Lord Howe changes by half an hour: 02:15 on 4 October does not exist.
        ("Australia/Lord_Howe", "02:15", datetime(2026, 10, 3, 12, tzinfo=UTC), "2026-10-03 15:45"),
        # Samoa had no 30 December 2011.
        ("Pacific/Apia", "06:00", datetime(2011, 12, 29, 17, tzinfo=UTC), "2011-12-30 16:00"),
        ("Pacific/Apia", "06:00", datetime(2011, 12, 30, 16, tzinfo=UTC), "2011-12-31 16:00"),
    ],
)
def test_the_next_daily_payout(zone: str, at: str, after: datetime, due: str) -> None:
    assert next_of(zone, at, after) == due


def test_without_a_time_there_is_no_daily_payout() -> None:
    assert PayoutTerms("a").next_daily(datetime(2026, 5, 1, tzinfo=UTC)) is None


ZONES = sorted(available_timezones() - {"localtime"})  # a machine's own choice: not an IANA name


@given(
    zone=st.sampled_from(ZONES),
    minutes=st.integers(0, 24 * 60 - 1),
    after=st.datetimes(datetime(1995, 1, 1), datetime(2037, 12, 31)),  # noqa: DTZ001 - see below
)
def test_in_every_zone_a_payout_follows_within_two_days_and_never_twice_in_an_hour(
    zone: str, minutes: int, after: datetime
) -> None:
    terms = PayoutTerms("a", f"{minutes // 60:02}:{minutes % 60:02}", zone)
    start = after.replace(tzinfo=UTC)

    first = terms.next_daily(start)
    assert first is not None
    second = terms.next_daily(first)
    assert second is not None

    assert start < first <= start + timedelta(hours=49)
    assert timedelta(hours=20) < second - first <= timedelta(hours=49)


def test_zones_exist_where_the_system_has_no_zone_database() -> None:
    try:
        zoneinfo.reset_tzpath(to=())
        ZoneInfo.clear_cache()
        PayoutTerms("a", "06:00", "America/Sao_Paulo").check()
    finally:
        zoneinfo.reset_tzpath()
        ZoneInfo.clear_cache()
