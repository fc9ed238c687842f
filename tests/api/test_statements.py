"""Statements: half-open days of a zone, the same whenever they are asked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.v1 import lists
from application.consumer import Page
from domain import ids
from domain.merchants.api_key import Role
from domain.merchants.fee_plan import FeePlan
from domain.money.money import Money
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._runner import Runner
from projections.journal import Journal
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.books import set_plan
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import TestClock

pytestmark = pytest.mark.postgres
NEW_YORK = "America/New_York"


class Shop:
    """A merchant whose payments are made at times that the test sets."""

    def __init__(self, api: ApiFixture, clock: TestClock) -> None:
        self.api, self.clock = api, clock
        log = api.admin._event_log
        self.ledger = LedgerFixture(log)
        self.key = api.admin.issue_key(Role.MERCHANT, self.ledger.merchant).text
        self.wallets: dict[str, UUID] = {}

    def pay(self, at: str, minor: int = 1000, currency: str = "USD") -> str:
        """Take a payment at a time; returns the session's id."""
        self.clock.set(datetime.fromisoformat(at))
        if currency not in self.wallets:
            self.wallets[currency] = self.ledger.open_wallet(10**9, currency)
        wallet, amount = self.wallets[currency], Money(minor, currency)
        session = self.ledger.create_session(amount=amount)
        claim = self.ledger.claim_session(session, wallet)
        self.ledger.send(self.ledger.pay(session, wallet, claim, amount))
        return ids.encode("ps", session)

    def get(self, who: str = "", **query: Any) -> Any:
        pairs = "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items())
        return self.api.call(who or self.key, "GET", f"/v1/statements?{pairs}")

    def statement(self, first: str, end: str, zone: str = "UTC", **query: Any) -> dict[str, Any]:
        response = self.get(from_=first, to=end, zone=zone, **query)
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    clock = TestClock(database_url)
    clock.set(datetime(2026, 1, 1, tzinfo=UTC))
    with api_fixture(database_url) as api:
        yield Shop(api, clock)


def figures(document: dict[str, Any], currency: str = "USD") -> tuple[int, list[int], int]:
    """Opening balance, lines and closing balance."""
    [one] = [entry for entry in document["data"] if entry["currency"] == currency]
    lines = [line["amount"]["minor"] for line in one["lines"]]
    return one["opening_balance"]["minor"], lines, one["closing_balance"]["minor"]


def test_a_day_is_half_open_in_its_zone(shop: Shop) -> None:
    shop.pay("2026-06-30T22:00:00+00:00", 1)  # in Berlin the first instant of 1 July
    shop.pay("2026-07-01T21:59:59.999999+00:00", 20)
    shop.pay("2026-07-01T22:00:00+00:00", 300)

    berlin = shop.statement("2026-07-01", "2026-07-02", "Europe/Berlin")
    utc = shop.statement("2026-07-01", "2026-07-02")
    empty = shop.statement("2026-07-01", "2026-07-01", "Europe/Berlin")

    assert figures(berlin) == (0, [1, 20], 21)
    assert figures(utc) == (1, [20, 300], 321)
    assert empty["data"] == []
    assert (berlin["starts_at"], berlin["ends_at"]) == (
        "2026-06-30T22:00:00.000000Z", "2026-07-01T22:00:00.000000Z",
    )  # fmt: skip
    assert (berlin["from"], berlin["to"], berlin["zone"]) == (
        "2026-07-01", "2026-07-02", "Europe/Berlin",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("day", "end", "zone", "hours"),
    [("2026-03-08", "2026-03-09", NEW_YORK, 23), ("2026-11-01", "2026-11-02", NEW_YORK, 25),
     ("2026-03-29", "2026-03-30", "Europe/Berlin", 23), ("2026-10-25", "2026-10-26", "Europe/Berlin", 25),
     ("2026-04-24", "2026-04-25", "Africa/Cairo", 23), ("2026-06-01", "2026-06-02", "Asia/Kathmandu", 24)],
)  # fmt: skip
def test_days_of_daylight_saving_have_23_or_25_hours(
    shop: Shop, day: str, end: str, zone: str, hours: int
) -> None:
    document = shop.statement(day, end, zone)
    starts, ends = (datetime.fromisoformat(document[name]) for name in ("starts_at", "ends_at"))
    assert ends - starts == timedelta(hours=hours)

    for minor, at in (
        (1, starts - timedelta(microseconds=1)), (20, starts),
        (300, ends - timedelta(microseconds=1)), (4000, ends),
    ):  # fmt: skip
        shop.pay(at.isoformat(), minor)

    assert figures(shop.statement(day, end, zone)) == (1, [20, 300], 321)


def test_consecutive_statements_continue_each_other(shop: Shop) -> None:
    for hour in range(0, 96, 7):
        shop.pay((datetime(2026, 10, 24, tzinfo=UTC) + timedelta(hours=hour)).isoformat(), hour + 1)

    days = [
        figures(shop.statement(f"2026-10-{day}", f"2026-10-{day + 1}", "Europe/Berlin"))
        for day in range(24, 28)
    ]
    whole = figures(shop.statement("2026-10-24", "2026-10-28", "Europe/Berlin"))

    assert all(opening + sum(lines) == closing for opening, lines, closing in days)
    assert [day[0] for day in days[1:]] == [day[2] for day in days[:-1]]
    assert whole == (days[0][0], [line for day in days for line in day[1]], days[-1][2])


def test_a_statement_is_final_once_the_log_goes_on_after_it(shop: Shop) -> None:
    shop.pay("2026-05-01T10:00:00+00:00", 100)
    before = shop.statement("2026-05-01", "2026-05-02")
    shop.clock.set(datetime(2026, 5, 3, tzinfo=UTC))  # over, but an event could still be added
    quiet = shop.statement("2026-05-01", "2026-05-02")
    shop.pay("2026-05-03T00:00:00+00:00", 200)

    final = shop.statement("2026-05-01", "2026-05-02")
    shop.pay("2026-05-04T00:00:00+00:00", 300)

    assert [one["final"] for one in (before, quiet, final)] == [False, False, True]
    assert shop.statement("2026-05-01", "2026-05-02") == final
    assert figures(final) == (0, [100], 100)


def test_fees_are_lines_of_their_own_and_every_line_states_the_balance(shop: Shop) -> None:
    log = shop.api.admin._event_log
    set_plan(log, shop.ledger.merchant_id, "USD", FeePlan(basis_points=100, fixed_minor=3))
    first = shop.pay("2026-05-01T10:00:00+00:00", 1000)

    [usd] = shop.statement("2026-05-01", "2026-05-02")["data"]

    lines = [(line["amount"]["minor"], line["balance"]["minor"]) for line in usd["lines"]]
    assert lines == [(1000, 1000), (-13, 987)]
    assert {line["subject"] for line in usd["lines"]} == {first}
    assert {line["type"] for line in usd["lines"]} == {"payment_session.paid"}


def test_lines_are_paged_and_each_page_has_the_balances_of_the_period(shop: Shop) -> None:
    for minor in (1, 2, 3):
        shop.pay("2026-05-01T10:00:00+00:00", minor, "EUR")
        shop.pay("2026-05-01T10:00:00+00:00", 10 * minor, "JPY")

    pages: list[dict[str, Any]] = []
    cursor: str | None = ""
    for _ in range(3):
        query = {"cursor": cursor} if cursor else {}
        pages.append(shop.statement("2026-05-01", "2026-05-02", limit=2, **query))
        cursor = pages[-1]["next_cursor"]

    assert cursor is None
    seen = [[figures(page, code)[1] for page in pages] for code in ("EUR", "JPY")]
    assert seen == [[[1, 2], [3], []], [[], [10], [20, 30]]]
    for page in pages:
        assert [figures(page, code)[::2] for code in ("EUR", "JPY")] == [(0, 6), (0, 60)]
    only = shop.statement("2026-05-01", "2026-05-02", currency="JPY")
    assert [one["currency"] for one in only["data"]] == ["JPY"]
    unused = shop.statement("2026-05-01", "2026-05-02", currency="KWD")
    assert figures(unused, "KWD") == (0, [], 0)


def test_csv_has_the_same_figures_with_the_decimals_of_each_currency(shop: Shop) -> None:
    shop.pay("2026-05-01T10:00:00+00:00", 1234, "USD")
    session = shop.pay("2026-05-01T10:00:00+00:00", 1234, "JPY")
    shop.pay("2026-05-01T10:00:00+00:00", 1234, "KWD")
    shop.pay("2026-05-01T10:00:00+00:00", 1234, "UYW")

    response = shop.get(from_="2026-05-01", to="2026-05-02", format="csv")
    header, *rows = csv.reader(io.StringIO(response.text, newline=""))

    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert "statement-2026-05-01-2026-05-02.csv" in response.headers["content-disposition"]
    assert response.text.count("\r\n") == 13
    assert header == [
        "kind", "currency", "at", "entry_id", "type", "subject", "amount", "balance"
    ]  # fmt: skip
    assert [(row[0], row[1], row[6], row[7]) for row in rows if row[1] == "JPY"] == [
        ("opening_balance", "JPY", "", "0"), ("line", "JPY", "1234", "1234"),
        ("balance_so_far", "JPY", "", "1234"),
    ]  # fmt: skip
    assert [row[5] for row in rows if row[1] == "JPY"] == ["", session, ""]
    assert [row[6] for row in rows if row[0] == "line"] == ["1234", "1.234", "12.34", "0.1234"]


def test_another_merchants_statement_is_not_found_and_auditors_name_the_merchant(
    shop: Shop,
) -> None:
    shop.pay("2026-05-01T10:00:00+00:00", 100)
    query = {"from_": "2026-05-01", "to": "2026-05-02"}

    own = shop.get(**query).json()
    audited = shop.get("auditor", **query, merchant=shop.ledger.merchant).json()
    other = shop.get("merchant", **query).json()
    refused = shop.get("merchant", **query, merchant=shop.ledger.merchant)
    unnamed = shop.get("auditor", **query)

    assert audited == own
    assert other["data"] == []
    assert (refused.status_code, refused.json()["code"]) == (404, "not-found")
    assert (unnamed.status_code, unnamed.json()["invalid_params"][0]["name"]) == (400, "merchant")


@pytest.mark.parametrize(
    ("query", "name"),
    [("from=2026-05-02&to=2026-05-01", "to"), ("from=2025-05-01&to=2026-05-03", "to"),
     ("from=2026-02-29&to=2026-03-01", "from"), ("from=20260501&to=2026-05-02", "from"),
     ("from=2026-W10-1&to=2026-05-02", "from"), ("from=0000-00-00&to=2026-05-02", "from"),
     ("from=0001-01-01&to=0001-01-02&zone=Asia/Tokyo", "from"),
     ("from=9999-12-30&to=9999-12-31&zone=America/New_York", ""),
     ("to=2026-05-02", "from"), ("from=2026-05-01", "to"),
     ("from=2026-05-01&to=2026-05-02&zone=Mars/Base", "zone"),
     ("from=2026-05-01&to=2026-05-02&zone=../../etc/passwd", "zone"),
     ("from=2026-05-01&to=2026-05-02&zone=/etc/localtime", "zone"),
     ("from=2026-05-01&to=2026-05-02&zone=UTC%00", "zone"), ("from=2026-05-01&to=2026-05-02&zone=", "zone"),
     ("from=2026-05-01&to=2026-05-02&zone=Europe", "zone"),
     ("from=2026-05-01&to=2026-05-02&zone=Europe/B%D0%B5rlin", "zone"),
     ("from=2026-05-01&to=2026-05-02&currency=XAU", "currency"),
     ("from=2026-05-01&to=2026-05-02&format=xlsx", "format"),
     ("from=2026-05-01&to=2026-05-02&cursor=abc", "cursor"),
     ("from=2026-05-01&to=2026-05-02&days=1", "days")],
)  # fmt: skip
def test_an_impossible_period_is_refused_by_name(api: ApiFixture, query: str, name: str) -> None:
    response = api.call("merchant", "GET", f"/v1/statements?{query}")

    if not name:
        assert response.status_code == 200, response.text
        return
    assert (response.status_code, response.json()["code"]) == (400, "invalid-request")
    assert response.json()["invalid_params"][0]["name"] == name, response.text


def test_a_statement_is_not_answered_from_a_journal_that_lags(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=1)
    Runner(Journal, pool.connection).prepare(lambda after, _limit: Page(after, after, ()))
    pool.close()
    monkeypatch.setattr(lists, "LAG_SECONDS", 0.05)
    today = datetime.now(UTC).date()
    tomorrow = today + timedelta(days=1)

    with api_fixture(database_url, projections=False) as api:
        past = api.call("merchant", "GET", "/v1/statements?from=2026-01-01&to=2026-01-02")
        now = api.call("merchant", "GET", f"/v1/statements?from={today}&to={tomorrow}")

    assert (past.status_code, past.json()["final"]) == (200, True)  # before the first event
    assert (now.status_code, now.json()["code"]) == (503, "not-caught-up")
