"""`qrledger trigger`: every type that a webhook can tell of has a story that leads to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from application.stories.library import STORIES, near
from domain.merchants.webhook_endpoint import TYPES
from infrastructure import audit, stage
from infrastructure.accounts import command_line_actor
from infrastructure.cli import program
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
EVENTS = "select count(*) from ledger.events"


@pytest.fixture(scope="module")
def url(make_ledger: Callable[[], str]) -> Iterator[str]:
    """A new test ledger; after all stories, every invariant must hold in it."""
    url = make_ledger()
    yield url
    log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
    report = audit.check(url, log)
    log.close()
    assert not report.violations


@pytest.fixture(scope="module")
def api(url: str) -> Iterator[ApiFixture]:
    """A ledger of two merchants with running workers."""
    with api_fixture(url) as api:
        yield api


def run(url: str, *words: str, mode: str = "test") -> Result:
    environment = {"QRLEDGER_DATABASE_URL": url, "QRLEDGER_MODE": mode}
    return CliRunner().invoke(program, ["trigger", *words], env=environment)


def test_every_type_of_webhooks_has_a_story_and_no_other_type_has_one() -> None:
    assert set(STORIES) == TYPES


@pytest.mark.parametrize("topic", STORIES)
def test_each_story_leads_to_an_event_of_its_type(api: ApiFixture, url: str, topic: str) -> None:
    result = run(url, topic, "--merchant", api.merchants[0], "--json")

    assert result.exit_code == 0, result.output
    played = json.loads(result.output)
    found = api.call("auditor", "GET", f"/v1/events?after={played['position'] - 1}&limit=1")
    event: dict[str, Any] = found.json()["data"][0]
    assert {name: event[name] for name in played} == played
    assert event["type"] == topic


def test_the_stories_advance_the_clock_and_record_it(api: ApiFixture, url: str) -> None:
    run(url, "payment_session.expired", "--merchant", api.merchants[0])

    [(advanced, actor)] = rows(
        url,
        "select count(*), max(actor) from ledger.events where topic = 'clock.advanced'",
    )
    assert advanced >= 1
    assert actor == command_line_actor()


def test_what_was_triggered_is_shown_in_one_line(api: ApiFixture, url: str) -> None:
    result = run(url, "payment_session.paid", "--merchant", api.merchants[1])

    assert result.exit_code == 0, result.output
    assert result.output.startswith("payment_session.paid  ps_")
    assert result.output.count("\n") == 1
    session = result.output.split()[1]
    shown = api.call("other_merchant", "GET", f"/v1/payment-sessions/{session}")
    assert (shown.status_code, shown.json()["status"]) == (200, "paid")


def test_the_types_are_listed() -> None:
    plain = CliRunner().invoke(program, ["trigger", "--list"])
    listed = json.loads(CliRunner().invoke(program, ["trigger", "--list", "--json"]).output)

    assert [line.split()[0] for line in plain.output.splitlines()] == sorted(TYPES)
    assert [one["type"] for one in listed["data"]] == sorted(TYPES)
    assert all(one["tells"] for one in listed["data"])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("payment_session.payed", "payment_session.paid"),
        ("payout.setled", "payout.settled"),
        ("refund.requestd", "refund.requested"),
        ("checkout.session.paid", "payment_session.paid"),
        ("PAYOUT.SENT", "payout.sent"),
        ("wallet.captured", "--list"),
        ("x" * 5000, "--list"),
        ("\u202egnp", "--list"),
        ("", "--list"),
    ],
)
def test_an_unknown_type_is_one_line_with_near_matches(
    database_url: str, name: str, hint: str
) -> None:
    result = run(database_url, name)

    assert result.exit_code == 2
    assert hint in result.output
    assert result.output.count("\n") == 1
    assert len(result.output) < 400
    assert rows(database_url, EVENTS) == [(0,)]


def test_near_matches_are_few() -> None:
    assert all(len(near(name)) <= 3 for name in (*STORIES, "payment_session.", "opened"))


def test_a_live_ledger_is_refused(database_url: str) -> None:
    rows(database_url, "update ledger.identity set mode = 'live' returning 1")

    result = run(database_url, "payment_session.paid", mode="live")

    assert result.exit_code == 1
    assert result.output == "qrledger: `qrledger trigger` exists in test ledgers only.\n"
    assert rows(database_url, EVENTS) == [(0,)]


@pytest.mark.parametrize(
    ("merchant", "text"),
    [
        (None, "name one with --merchant"),
        ("mer_01h455vb4pex5vsknk084sn02q", "there is no merchant"),
        ("ps_01h455vb4pex5vsknk084sn02q", "is not a merchant's id"),
        ("mer_\x00", "is not a merchant's id"),
    ],
)
def test_it_must_be_clear_whose_event_it_is(
    database_url: str, merchant: str | None, text: str
) -> None:
    words = () if merchant is None else ("--merchant", merchant)

    result = run(database_url, "payment_session.paid", *words)

    assert result.exit_code == 2
    assert text in result.output
    assert rows(database_url, EVENTS) == [(0,)]


def test_without_a_worker_it_says_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_POLLS_MAX", 2)
    with api_fixture(database_url, projections=False) as api:
        result = run(database_url, "payment_session.expired", "--merchant", api.merchants[0])

    assert result.exit_code == 1
    assert "payment_session.expired was not recorded" in result.output
    assert "is `qrledger work` running?" in result.output
