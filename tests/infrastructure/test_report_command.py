"""`qrledger audit report`: privileged acts as people and programs read them."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from application.bus import Bus
from application.command import Envelope
from application.commands.register_merchant import RegisterMerchant
from infrastructure.cli import program
from infrastructure.cli.audit_report import WIDTH
from infrastructure.event_store.postgres_log import PostgresLog

pytestmark = pytest.mark.postgres


def run(url: str, home: Path, *arguments: str) -> Result:
    environment = {"QRLEDGER_DATABASE_URL": url, "QRLEDGER_HOME": str(home)}
    return CliRunner().invoke(program, ["audit", *arguments], env=environment)


def register(log: PostgresLog, number: int, actor: str, name: str = "Cafe") -> None:
    hosts = tuple(f"shop{n}.example" for n in range(10))
    command = RegisterMerchant(merchant_id=UUID(int=number), name=name, return_hosts=hosts)
    Bus(log).send(Envelope(command=command, command_id=UUID(int=number), actor=actor))


def test_a_report_as_text_fits_a_sheet_and_moves_no_cursor(
    database_url: str, postgres_log: PostgresLog, home: Path
) -> None:
    register(postgres_log, 1, "cli:anna", "Cafe \u202efdp.exe")
    register(postgres_log, 2, "cli:ben")

    printed = run(database_url, home, "report")

    assert printed.exit_code == 0, printed.output
    lines = printed.output.splitlines()
    assert lines[0] == (
        "Privileged acts from the first event to the last event: positions 1 to 2, times in UTC"
    )
    assert lines[2].split()[0] == "1"
    assert lines[2].endswith("  cli:anna")
    assert lines[3].startswith("    merchant registered: mer_")
    assert 'name="Cafe \ufffdfdp.exe"' in printed.output
    assert lines[-3:] == ["Acts by actor", "        1  cli:anna", "        1  cli:ben"]
    assert all(len(line) <= WIDTH or "return_hosts" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_a_report_as_json_is_one_object(
    database_url: str, postgres_log: PostgresLog, home: Path
) -> None:
    register(postgres_log, 1, "cli:anna")
    register(postgres_log, 2, "cli:ben")

    found = json.loads(run(database_url, home, "report", "--json", "--from", "2").output)

    assert found["acts_by_actor"] == {"cli:ben": 1}
    assert (found["from"], found["to"], found["actor"]) == ("2", None, None)
    assert (found["first_position"], found["last_position"]) == (2, 2)
    [act] = found["data"]
    assert (act["position"], act["actor"], act["type"]) == (2, "cli:ben", "merchant.registered")
    assert act["act"] == "merchant registered"
    assert act["facts"]["name"] == "Cafe"
    of_nobody = json.loads(run(database_url, home, "report", "--json", "--actor", "x").output)
    assert (of_nobody["data"], of_nobody["acts_by_actor"]) == ([], {})


def test_periods_without_acts_and_bad_bounds(
    database_url: str, postgres_log: PostgresLog, home: Path
) -> None:
    register(postgres_log, 1, "cli:anna")

    empty = run(database_url, home, "report", "--from", "2999-01-01")

    assert (empty.exit_code, empty.output.splitlines()[-1]) == (0, "No privileged acts.")
    for wrong in (["--from", "soon"], ["--from", "2", "--to", "1"], ["--actor", ""]):
        refused = run(database_url, home, "report", *wrong)
        assert (refused.exit_code, refused.output.count("\n")) == (2, 1)


def test_an_act_of_the_command_line_is_in_the_report(
    database_url: str, postgres_log: PostgresLog, home: Path
) -> None:
    environment = {"QRLEDGER_DATABASE_URL": database_url, "QRLEDGER_HOME": str(home)}
    made = CliRunner().invoke(program, ["merchants", "register", "Cafe"], env=environment)
    assert made.exit_code == 0, made.output

    [act] = json.loads(run(database_url, home, "report", "--json").output)["data"]

    assert act["actor"] == postgres_log.read(act["position"] - 1, 1)[0].actor
    assert act["act"] == "merchant registered"
