"""Ids, times, amounts and QR codes: what is encoded is decoded, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency as Listed

from domain import ids, times
from domain.errors import InvalidRequest
from domain.money.currencies import CURRENCIES
from domain.money.money import AMOUNT_MINOR_MAX, check_amount
from domain.qr import dynamic_url
from domain.qr.errors import InvalidQr

PUBLIC = "https://pay.example"
uuids = st.uuids()


def test_the_typeid_specification_vector() -> None:
    value = UUID("0188a5eb-4c2c-7ead-9f0d-9aa7b7c4b9a0")

    assert ids.decode("ps", ids.encode("ps", value)) == value
    assert ids.encode_suffix(UUID(int=0)) == "0" * 26
    assert ids.encode_suffix(UUID(int=2**128 - 1)) == "7" + "z" * 25
    assert ids.encode_suffix(UUID("0110c853-1d09-52d8-d73e-1194e95b5f19")) == (
        "0123456789abcdefghjkmnpqrs"
    )


@given(uuids)
def test_ids_are_decoded(value: UUID) -> None:
    assert ids.decode("wal", ids.encode("wal", value)) == value


@pytest.mark.parametrize(
    "text",
    ["", "ps_", "wal_" + "0" * 26, "ps_" + "8" + "0" * 25, "ps_" + "0" * 25, "ps_" + "0" * 27,
     "ps_" + "0" * 25 + "u", "ps_" + "0" * 25 + "O", "ps__" + "0" * 26, "PS_" + "0" * 26],
)  # fmt: skip
def test_other_text_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|alphabet"):
        ids.decode("ps", text)


@given(st.text(max_size=60))
def test_decoding_any_text_either_refuses_or_is_exact(text: str) -> None:
    try:
        value = ids.decode("ps", text)
    except ValueError:
        return
    assert ids.encode("ps", value) == text


def test_derived_ids_are_version_8_and_depend_on_the_boundaries_of_their_parts() -> None:
    assert ids.derive("a", "bc").version == 8
    assert ids.derive("a", "bc") != ids.derive("ab", "c")
    assert ids.derive("a", "bc") == ids.derive("a", b"bc")


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_parsed_to_the_microsecond(at: datetime) -> None:
    text = times.to_text(at)

    assert times.from_text(text) == at
    assert text.endswith("Z")
    assert len(text) == 27


def test_the_currencies_equal_the_published_list() -> None:
    listed = {c.code: (f"{c.number:03d}", c.exponent) for c in Listed if c.exponent is not None}
    ours = {c.code: (c.numeric, c.exponent) for c in CURRENCIES.values() if not c.withdrawn}

    assert ours == listed
    assert {c.exponent for c in CURRENCIES.values()} == {0, 2, 3, 4}


@pytest.mark.parametrize(
    ("minor", "code", "field"),
    [(0, "USD", "amount.minor"), (-1, "USD", "amount.minor"),
     (AMOUNT_MINOR_MAX + 1, "USD", "amount.minor"), (1, "XXX", "amount.currency"),
     (1, "usd", "amount.currency"), (1, "HRK", "amount.currency"), (0, "ZZZ", "amount.currency")],
)  # fmt: skip
def test_amounts_out_of_range_are_refused_by_name(minor: int, code: str, field: str) -> None:
    with pytest.raises(InvalidRequest, match=field):
        check_amount(minor, code)


@given(uuids)
def test_codes_are_parsed_in_any_letter_case(session_id: UUID) -> None:
    payload = dynamic_url.build(PUBLIC, session_id)

    assert payload == payload.upper()
    assert dynamic_url.parse(payload, PUBLIC) == session_id
    assert dynamic_url.parse(payload.lower(), PUBLIC) == session_id
    assert dynamic_url.parse(f"  {PUBLIC}:443/q/ps_{ids.encode_suffix(session_id)}\n", PUBLIC)


SUFFIX = "0" * 26


@pytest.mark.parametrize(
    "payload",
    ["", "hello", f"https://evil.example/q/{SUFFIX}", f"http://pay.example/q/{SUFFIX}",
     f"https://pay.example:444/q/{SUFFIX}", f"https://pay.example@evil.example/q/{SUFFIX}",
     f"https://pay.example.evil.example/q/{SUFFIX}", f"https://раy.example/q/{SUFFIX}",
     f"https://user@pay.example/q/{SUFFIX}", f"https://pay.example/q/{SUFFIX}?x=1",
     f"https://pay.example/q/{SUFFIX}#x", f"https://pay.example/p/{SUFFIX}",
     f"https://pay.example/q/{SUFFIX}/more", f"https://pay.example//q/{SUFFIX}",
     "https://pay.example/q/short", "https://[::1", f"https://pay.example:99999/q/{SUFFIX}",
     "https://pay.example/q/" + "0" * 600, f"https://pay.example/q/{SUFFIX}\x00"],
)  # fmt: skip
def test_other_codes_are_refused(payload: str) -> None:
    with pytest.raises(InvalidQr):
        dynamic_url.parse(payload, PUBLIC)


@given(st.text(max_size=300))
def test_no_other_text_is_a_code(text: str) -> None:
    with pytest.raises(InvalidQr):
        dynamic_url.parse(text, PUBLIC)
