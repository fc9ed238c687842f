"""`qrledger status`: what is ready, what is not, and the exit status that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infrastructure.cli import program
from infrastructure.database import open_database
from infrastructure.settings import Settings
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import api_fixture
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres


def status(home: Path, *words: str, **facts: str) -> Result:
    env = {"QRLEDGER_HOME": str(home), "QRLEDGER_DATABASE_URL": "", "QRLEDGER_MODE": "", **facts}
    return CliRunner().invoke(
        program, ["status", *words], env={n: v or None for n, v in env.items()}
    )


def as_json(home: Path, url: str) -> tuple[int, dict[str, Any]]:
    result = status(home, "--json", QRLEDGER_DATABASE_URL=url)
    return result.exit_code, json.loads(result.output)


def test_a_ledger_that_runs_is_ready(home: Path, database_url: str) -> None:
    with api_fixture(database_url) as api:
        api.a_session()
        wait_for(lambda: as_json(home, database_url)[0] == 0)
        wait_for(lambda: as_json(home, database_url)[1]["loops"])
        code, told = as_json(home, database_url)
        lines = status(home, QRLEDGER_DATABASE_URL=database_url).output
        head = api.position()

    assert (code, told["ready"], told["problems"], told["mode"]) == (0, True, [], "test")
    assert told["position"] == head
    assert [(m["name"], m["position"]) for m in told["read_models"]] == [
        ("sessions", head),
        ("wallet_payments", head),
    ]
    assert told["worker_leads"] is True
    assert {loop["name"]: loop["halted_since"] for loop in told["loops"]} == {
        "expiry sweep": None, "expiry timers": None, "sessions": None, "wallet_payments": None,
    }  # fmt: skip
    assert (told["expiry_timers"]["due"], told["expiry_timers"]["all"]) == (0, 1)
    assert told["clock"]["doubt"] == ""
    assert "ready             yes\n" in lines
    assert f"head at position {head}" in lines


def test_what_is_halted_or_never_built_is_named_and_exits_1(home: Path, database_url: str) -> None:
    rows(
        database_url,
        "insert into ledger.worker_loops values ('expiry sweep', now(), 'ValueError')",
        fetch=False,
    )

    code, told = as_json(home, database_url)
    result = status(home, QRLEDGER_DATABASE_URL=database_url)

    assert code == result.exit_code == 1
    assert not told["ready"]
    assert "expiry sweep is halted" in told["problems"]
    assert told["worker_leads"] is False
    assert "never built" in result.output
    assert "none is running" in result.output


def test_a_database_that_is_away_exits_1_within_its_limit(home: Path) -> None:
    code, told = as_json(home, "postgresql://nobody:secret@127.0.0.1:9/none")

    assert code == 1
    assert "cannot be queried" in told["problems"][0]
    assert "secret" not in json.dumps(told)


def test_it_starts_no_server(home: Path) -> None:
    result = status(home)

    assert result.exit_code == 1
    assert "is not running" in result.output
    assert not (home / "postgres").exists()


def test_of_an_embedded_ledger_it_asks_under_the_runtimes_login(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_database(Settings(home=str(home))):
        result = status(home)

    assert "head at position 0" in result.output
    assert "could rewrite" not in result.output + caplog.text
