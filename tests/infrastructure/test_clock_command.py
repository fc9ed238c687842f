"""`qrledger clock advance`, and the processes of an installation after an advance."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from application.processes.expiry import Expiry
from domain import times
from infrastructure.cli import program
from tests.end_to_end.test_program import wait_for
from tests.support.api_fixture import api_fixture
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
NOW = "select ledger.now()"


def run(url: str, *words: str, mode: str = "test") -> Result:
    environment = {"QRLEDGER_DATABASE_URL": url, "QRLEDGER_MODE": mode}
    return CliRunner().invoke(program, ["clock", "advance", *words], env=environment)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("1", 1), ("90s", 90), ("15m", 900), ("2h", 7200), ("366d", 31_622_400)],
)
def test_the_clock_is_advanced_by_a_duration(
    database_url: str, duration: str, seconds: int
) -> None:
    [(before,)] = rows(database_url, NOW)

    first = run(database_url, duration)
    second = run(database_url, duration, "--json")

    [(after,)] = rows(database_url, NOW)
    assert first.exit_code == 0, first.output
    assert f"advanced by {timedelta(seconds=seconds)} in all" in first.output
    document = json.loads(second.output)
    assert document == {"now": document["now"], "advanced_seconds": 2 * seconds, "position": 2}
    assert before + timedelta(seconds=2 * seconds) <= times.from_text(document["now"]) <= after


@pytest.mark.parametrize(
    "duration", ["0", "0s", "-5", "1.5h", "1 h", "1w", "", "٣", "1e3", "9999999999d", "367d"]
)
def test_any_other_duration_is_refused(database_url: str, duration: str) -> None:
    result = run(database_url, "--", duration)

    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert rows(database_url, "select count(*) from ledger.events") == [(0,)]


def test_the_status_says_how_far_the_clock_was_advanced(database_url: str) -> None:
    environment = {"QRLEDGER_DATABASE_URL": database_url, "QRLEDGER_MODE": "test"}
    before = CliRunner().invoke(program, ["status"], env=environment).output
    run(database_url, "36h")

    plain = CliRunner().invoke(program, ["status"], env=environment).output
    document = json.loads(CliRunner().invoke(program, ["status", "--json"], env=environment).output)

    assert "advanced" not in before
    assert ", advanced by 1 day, 12:00:00" in plain
    assert document["clock"]["advanced_seconds"] == 129_600


def test_a_live_ledger_is_refused(database_url: str) -> None:
    rows(database_url, "update ledger.identity set mode = 'live' returning 1")

    result = run(database_url, "15m", mode="live")

    assert result.exit_code == 1
    assert result.output == "qrledger: The test clock exists in test ledgers only.\n"
    assert rows(database_url, "select count(*) from ledger.events") == [(0,)]


def test_the_worker_performs_what_an_advance_made_due(database_url: str) -> None:
    with api_fixture(database_url) as api:
        session = api.create_session(expires_in_seconds=86_400)
        path = f"/v1/payment-sessions/{session['id']}"
        waiting = f"select count(*) from ledger.tasks where process = '{Expiry.name}'"
        wait_for(lambda: rows(database_url, waiting) == [(1,)])

        body = {"advance_seconds": 86_400}
        advanced = api.call("operator", "POST", "/v1/test-clock", body).json()

        read = api.call("merchant", "GET", path).json()
        assert read["status"] == "expired"  # at once, before the worker has recorded it
        assert read["server_time"] >= advanced["now"] > session["expires_at"]
        wait_for(lambda: api.call("merchant", "GET", path).json()["version"] == 2)
        assert api.call("merchant", "GET", f"{path}").json()["status"] == "expired"
