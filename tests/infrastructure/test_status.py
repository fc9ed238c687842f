"""`qrledger status`: whether the ledger is ready, why not, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from application.processes.process import all_processes
from infrastructure.cli import program
from infrastructure.database import open_database
from infrastructure.settings import Settings
from projections._read_model import all_models
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import api_fixture
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres
PROCESSES = [process.name for process in all_processes()]
PERFORMERS = [
    f"{process.name} tasks" + (f" {number}" if number > 1 else "")
    for process in all_processes()
    for number in range(1, process.retry.concurrency + 1)
]


def status(home: Path, *words: str, **facts: str) -> Result:
    env = {"QRLEDGER_HOME": str(home), "QRLEDGER_DATABASE_URL": "", "QRLEDGER_MODE": "", **facts}
    return CliRunner().invoke(
        program, ["status", *words], env={n: v or None for n, v in env.items()}
    )


def as_json(home: Path, url: str) -> tuple[int, dict[str, Any]]:
    result = status(home, "--json", QRLEDGER_DATABASE_URL=url)
    return result.exit_code, json.loads(result.output)


def test_a_running_ledger_is_ready(home: Path, database_url: str) -> None:
    with api_fixture(database_url) as api:
        api.create_session()
        wait_for(lambda: as_json(home, database_url)[0] == 0)
        wait_for(lambda: as_json(home, database_url)[1]["loops"])
        code, document = as_json(home, database_url)
        lines = status(home, QRLEDGER_DATABASE_URL=database_url).output
        head = api.position()

    words = " ".join(lines.split())
    assert (code, document["ready"], document["problems"], document["mode"]) == (
        0,
        True,
        [],
        "test",
    )
    assert document["position"] == head
    names = [model.name for model in all_models()]
    assert "sessions" in names
    assert [(m["name"], m["position"]) for m in document["read_models"]] == [
        (name, head) for name in names
    ]
    assert document["processors"] == ["sandbox"]
    assert document["worker_leads"] is True
    assert {loop["name"]: loop["halted_since"] for loop in document["loops"]} == {
        **dict.fromkeys(names), **dict.fromkeys(PROCESSES), **dict.fromkeys(PERFORMERS),
    }  # fmt: skip
    assert [tasks["process"] for tasks in document["tasks"]] == PROCESSES
    [tasks] = [tasks for tasks in document["tasks"] if tasks["process"] == "expiry"]
    assert tasks.pop("next_at") > document["clock"]["now"]
    assert tasks == {
        "process": "expiry", "due": 0, "late": 0, "retried": 0, "parked": 0, "oldest_seconds": 0,
    }  # fmt: skip
    assert " expiry 0 due, 0 late, 0 retried, 0 parked " in words
    assert " payout_transfers tasks 2 running " in words  # the longest name is set off as well
    assert document["clock"]["doubt"] == ""
    assert words.startswith("ready yes ")
    assert f"head at position {head}" in lines


def test_halted_loops_and_missing_read_models_are_named_with_exit_1(
    home: Path, database_url: str
) -> None:
    rows(
        database_url,
        "insert into ledger.worker_loops values ('expiry tasks', now(), 'ValueError')",
        fetch=False,
    )

    code, document = as_json(home, database_url)
    result = status(home, QRLEDGER_DATABASE_URL=database_url)

    assert code == result.exit_code == 1
    assert not document["ready"]
    assert "expiry tasks is halted" in document["problems"]
    assert document["worker_leads"] is False
    assert "never built" in result.output
    assert "none is running" in result.output


def test_an_unavailable_database_is_exit_1_within_its_limit(home: Path) -> None:
    code, document = as_json(home, "postgresql://nobody:secret@127.0.0.1:9/none")

    assert code == 1
    [problem] = document["problems"]
    assert problem.startswith("the database cannot be queried: ")
    assert '"127.0.0.1", port 9' in problem
    assert "refused" in problem
    assert "secret" not in json.dumps(document)


def test_status_starts_no_server(home: Path) -> None:
    result = status(home)

    assert result.exit_code == 1
    assert "is not running" in result.output
    assert not (home / "postgres").exists()


def test_status_of_an_embedded_ledger_uses_the_runtime_login(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_database(Settings(home=str(home))):
        result = status(home)

    assert "head at position 1" in result.output  # log.opened
    assert "could rewrite" not in result.output + caplog.text
