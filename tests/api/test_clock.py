"""The effects of a clock in doubt on callers, operators and workers; `qrledger clock accept`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from application.clock_guard import ClockGuard
from application.processes.expiry import Expiry
from infrastructure import audit
from infrastructure.cli import program
from infrastructure.opening import make_log
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.tasks import PostgresTasks
from tests.support.api_fixture import USD_10, ApiFixture, api_fixture
from tests.support.postgres import TestClock, rows
from tests.support.task_fixture import Worker

pytestmark = pytest.mark.postgres
START = datetime(2050, 1, 1, tzinfo=UTC)
YEAR = 400 * 86_400
READY_TRIES = 600


@pytest.fixture
def url(make_ledger: Callable[[], str]) -> str:
    url = make_ledger()
    # Keys and settings are those of a test ledger, but its clock is checked like a live one.
    rows(url, "update ledger.identity set mode = 'live' returning 1")
    return url


@pytest.fixture
def clock(url: str) -> TestClock:
    clock = TestClock(url)
    clock.set(START)
    return clock


@pytest.fixture
def api(url: str, clock: TestClock) -> Iterator[ApiFixture]:
    with api_fixture(url, projections=False) as api:
        yield api


def post(api: ApiFixture) -> tuple[int, str]:
    body = {"order_id": str(uuid4()), "amount": USD_10}
    response = api.call("merchant", "POST", "/v1/payment-sessions", body)
    if response.status_code == 503:
        assert response.headers["Retry-After"]
    return response.status_code, response.json().get("code", "")


def metric(api: ApiFixture, name: str) -> float:
    text = api.call("operator", "GET", "/metrics").text
    [line] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


@pytest.mark.parametrize("seconds", [YEAR, 301, -31, -YEAR])
def test_while_the_clock_is_in_doubt_commands_return_503_reads_continue_and_operators_are_alerted(
    api: ApiFixture, clock: TestClock, seconds: int, caplog: pytest.LogCaptureFixture
) -> None:
    session = api.create_session()
    listed = api.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}")
    clock.advance(START, seconds)

    assert [post(api) for _ in range(3)] == [(503, "overloaded")] * 3
    shown = api.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}")
    assert shown.status_code == 200
    assert shown.json()["status"] == "created"
    assert shown.headers["ETag"] == listed.headers["ETag"]
    ready = api.call("", "GET", "/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "not-ready")
    assert "clock is in doubt" in ready.json()["detail"]
    assert metric(api, "qrledger_clock_doubt") == 1
    assert metric(api, 'qrledger_verdicts_total{verdict="doubt"}') == 3
    alerts = [record for record in caplog.records if record.name == "application.clock_guard"]
    assert [record.levelno for record in alerts] == [logging.ERROR]

    clock.set(START)
    assert post(api) == (201, "")
    assert metric(api, "qrledger_clock_doubt") == 0
    assert "clock" not in api.call("", "GET", "/readyz").json().get("detail", "")


def test_tokens_survive_a_jump_of_the_clock(api: ApiFixture, clock: TestClock) -> None:
    wallet = api.open_wallet(0)
    token = api.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens").json()["token"]
    clock.advance(START, YEAR)

    api.call("wallet", "GET", f"/v1/wallets/{wallet}")
    assert api.call(token, "GET", f"/v1/wallets/{wallet}").status_code == 200


def test_lists_and_sweeps_use_the_trusted_time(url: str, clock: TestClock) -> None:
    with api_fixture(url) as api:
        session = api.create_session()
        path = f"/v1/payment-sessions?at_least={session['position']}&status="

        def list_ids(status: str) -> list[str]:
            response = api.call("merchant", "GET", path + status)
            for _ in range(READY_TRIES):
                if response.status_code != 503:
                    break
                response = api.call("merchant", "GET", path + status)
            return [session["id"] for session in response.json()["data"]]

        assert list_ids("created") == [session["id"]]
        clock.advance(START, YEAR)

        assert list_ids("created") == [session["id"]]
        assert list_ids("expired") == []


def test_expiry_pauses_while_the_clock_is_in_doubt_and_catches_up_afterwards(
    api: ApiFixture, url: str, clock: TestClock
) -> None:
    session = api.create_session()
    guard = ClockGuard(elapsed=lambda: 0.0)
    log = make_log(url, DatabaseRole.WRITER, size_max=2, guard=guard)
    pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=1)
    worker = Worker(Expiry(), PostgresTasks(pool), log, random=Random(1))
    log.now()
    worker.follow()
    clock.advance(START, YEAR)
    assert worker.perform() == 0
    clock.advance(START, -31)
    assert worker.perform() == 0
    for seconds in (200, 400, 600, 800):  # time passes in steps, each within the limit
        clock.advance(START, seconds)
        api.open_wallet(0)
    guard.accept(START + timedelta(seconds=900), 0.0)
    clock.advance(START, 900)
    api.open_wallet(0)  # the log has reached the deadline
    clock.advance(START, 869)
    assert worker.perform() == 0
    clock.advance(START, 900)
    assert worker.perform() == 1
    log.close()
    pool.close()

    shown = api.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}").json()
    assert (shown["status"], shown["version"]) == ("expired", 2)


def accept(url: str, **settings: str) -> Result:
    rows(url, "update ledger.identity set mode = 'test' returning 1")  # as the settings say
    environment = {"QRLEDGER_DATABASE_URL": url, "QRLEDGER_MODE": "test", **settings}
    result = CliRunner().invoke(program, ["clock", "accept"], env=environment)
    rows(url, "update ledger.identity set mode = 'live' returning 1")
    return result


def test_the_operator_accepts_a_jump_ahead(api: ApiFixture, url: str, clock: TestClock) -> None:
    api.create_session()
    clock.advance(START, YEAR)
    assert post(api) == (503, "overloaded")

    result = accept(url)

    assert result.exit_code == 0, result.output
    assert "the ledger's time is 2051-02-05T00:00:00.000000Z, 0:00:00 ahead" in result.output
    assert post(api) == (201, "")
    assert api.call("", "GET", "/readyz").json().get("detail", "").count("clock") == 0
    events = api.call("auditor", "GET", "/v1/events?limit=100").json()["data"]
    assert "clock.accepted" in {event["type"] for event in events}


def test_the_operator_accepts_a_jump_back(api: ApiFixture, url: str, clock: TestClock) -> None:
    api.create_session()
    clock.advance(START, -YEAR)
    assert post(api) == (503, "overloaded")

    result = accept(url)

    assert result.exit_code == 0, result.output
    assert (
        "the ledger's time is 2050-01-01T00:00:00.000000Z, 400 days, 0:00:00 ahead" in result.output
    )
    clock.advance(START, 60 - YEAR)
    session = api.create_session(expires_in_seconds=60)
    assert session["created_at"] == "2050-01-01T00:01:00.000000Z"
    assert rows(url, "select accepted_offset = '9600 hours' from ledger.clock") == [(True,)]


def test_accepting_fails_when_there_is_nothing_to_accept(
    api: ApiFixture, url: str, clock: TestClock
) -> None:
    api.create_session()

    result = accept(url)

    assert result.exit_code == 1
    assert "nothing to accept" in result.output
    events = "select count(*) from ledger.events where topic = 'clock.accepted'"
    assert rows(url, events) == [(0,)]


def test_accepting_uses_the_configured_limits(api: ApiFixture, url: str, clock: TestClock) -> None:
    api.create_session()
    clock.advance(START, -15)

    assert accept(url).exit_code == 1
    assert accept(url, QRLEDGER_CLOCK_BEHIND_SECONDS="10").exit_code == 0
    assert rows(url, "select accepted_offset from ledger.clock") == [(timedelta(seconds=15),)]


def test_the_audit_finds_an_offset_that_no_event_recorded(api: ApiFixture, url: str) -> None:
    api.create_session()
    log = make_log(url, DatabaseRole.READER, size_max=1)
    assert audit.check(url, log).violations == []
    rows(url, "update ledger.clock set accepted_offset = '1 hour' returning 1")

    [violation] = audit.check(url, log).violations

    log.close()
    assert violation.invariant == "clock-as-accepted"
    assert "3600000000" in violation.text
