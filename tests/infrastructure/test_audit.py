"""`audit check` on databases that a superuser tampered with: it reports each change by position."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from infrastructure import audit
from infrastructure.event_store.postgres_log import PostgresLog
from tests.support.ledger_fixture import LedgerFixture

pytestmark = pytest.mark.postgres
PROGRAM = [sys.executable, "-I", "-c", "from infrastructure.cli import main; main()"]
SET = "set recorded_at = recorded_at"


@pytest.fixture
def ledger(postgres_log: PostgresLog) -> LedgerFixture:
    """Positions: 1 merchant, 2 app, 3 to 5 a wallet, 6 and 7 a session, 8 scanned, 9 and 10 paid."""
    ledger = LedgerFixture(postgres_log)
    wallet = ledger.open_wallet()
    session = ledger.create_session()
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)), key="k")
    assert postgres_log.head() == 10
    return ledger


def tamper(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("set session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


def violations(url: str, log: PostgresLog) -> set[tuple[str, int]]:
    return {(found.invariant, found.position) for found in audit.check(url, log).violations}


def state(old: str, new: str, position: int) -> str:
    return (
        "update ledger.events set state = convert_to(regexp_replace(convert_from(state, 'utf8'), "
        f"'{old}', '{new}'), 'utf8') where notification_id = {position}"
    )


def test_an_untouched_ledger_has_no_violations(
    ledger: LedgerFixture, database_url: str, postgres_log: PostgresLog
) -> None:
    report = audit.check(database_url, postgres_log)

    assert (report.events, report.violations) == (10, [])


def test_an_empty_ledger_has_no_violations(database_url: str, postgres_log: PostgresLog) -> None:
    report = audit.check(database_url, postgres_log)

    assert (report.events, report.violations) == (0, [])


@pytest.mark.unaudited
@pytest.mark.parametrize(
    ("statements", "violation"),
    [
        # The head: position and time that the next append continues from.
        (["update ledger.head set pos = pos + 1"], ("head-agrees", 11)),
        (["update ledger.head set pos = pos + 1000000"], ("head-agrees", 11)),
        (["update ledger.head set pos = 7"], ("head-agrees", 8)),
        ([f"update ledger.head {SET} + interval '400 days'"], ("head-agrees", 10)),
        ([f"update ledger.head {SET} - interval '1 microsecond'"], ("head-agrees", 10)),
        (["update ledger.head set recorded_at = 'infinity'"], ("head-agrees", 10)),
        (["update ledger.head set recorded_at = '-infinity'"], ("head-agrees", 10)),
        (["update ledger.head set recorded_at = '200000-01-01'"], ("head-agrees", 10)),
        (["delete from ledger.head"], ("head-agrees", 10)),
        (
            ["insert into ledger.process_positions values ('expiry', 11)"],
            ("head-agrees", 11),
        ),
        # The last events removed with their receipts.
        (
            [
                "delete from ledger.events where notification_id > 8",
                "delete from ledger.commands where first_pos > 8",
            ],
            ("head-agrees", 9),
        ),
        # Times out of order, or different from the receipt's.
        (
            [f"update ledger.events {SET} + interval '1 hour' where notification_id = 3"],
            ("time-never-back", 4),
        ),
        (
            [
                f"update ledger.events {SET} + interval '1 hour' where notification_id = 3",
                f"update ledger.commands {SET} + interval '1 hour' where first_pos = 3",
            ],
            ("time-never-back", 4),
        ),
        (
            [f"update ledger.events {SET} - interval '1 hour' where notification_id = 8"],
            ("time-never-back", 8),
        ),
        (
            [f"update ledger.events {SET} - interval '1 microsecond' where notification_id = 5"],
            ("times-agree", 5),
        ),
        (
            [f"update ledger.events {SET} + interval '1 microsecond' where notification_id = 10"],
            ("times-agree", 10),
        ),
        (
            [f"update ledger.commands {SET} + interval '1 second' where first_pos = 9"],
            ("times-agree", 9),
        ),
        (
            [f"update ledger.commands {SET} - interval '1 year' where first_pos = 8"],
            ("times-agree", 8),
        ),
        # Times that no clock could show.
        (
            ["update ledger.events set recorded_at = 'infinity' where notification_id = 6"],
            ("times-agree", 6),
        ),
        (
            ["update ledger.events set recorded_at = '20000-01-01' where notification_id = 10"],
            ("times-agree", 10),
        ),
        (
            ["update ledger.commands set recorded_at = '-infinity' where first_pos = 8"],
            ("times-agree", 8),
        ),
        ([state('"timestamp":"20', '"timestamp":"19', 5)], ("times-agree", 5)),
        ([state('"timestamp":"20', '"timestamp":"21', 8)], ("times-agree", 8)),
        # Values that no event can hold.
        ([state('"amount_minor":([0-9]+)', '"amount_minor":"\\1"', 5)], ("known-topics", 5)),
        ([state('"timestamp":"[^"]*"', '"timestamp":5', 8)], ("known-topics", 8)),
        # Receipts.
        (["delete from ledger.commands where first_pos = 6"], ("receipts-agree", 6)),
        (["update ledger.commands set last_pos = 8 where first_pos = 6"], ("receipts-agree", 6)),
        (
            ["delete from ledger.events where notification_id = 8"],
            ("gapless-positions", 9),
        ),
    ],
)
def test_a_change_is_reported_at_its_position(
    ledger: LedgerFixture,
    database_url: str,
    postgres_log: PostgresLog,
    statements: list[str],
    violation: tuple[str, int],
) -> None:
    assert violations(database_url, postgres_log) == set()

    tamper(database_url, *statements)

    assert violation in violations(database_url, postgres_log)


@pytest.mark.unaudited
def test_the_program_states_what_the_check_cannot_prove(
    ledger: LedgerFixture, database_url: str, tmp_path: Path
) -> None:
    def check(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, "audit", "check", *words],
            env={"QRLEDGER_DATABASE_URL": database_url, "COLUMNS": "200"},
            capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        )  # fmt: skip

    clean, explained = check(), check("--help")
    tamper(database_url, "update ledger.head set pos = pos + 3")
    moved = check()

    assert (clean.returncode, "10 events" in clean.stdout) == (0, True)
    assert (moved.returncode, "head-agrees at position 11" in moved.stderr) == (1, True)
    for done in (clean, moved, explained):
        output = " ".join(done.stdout.replace("│", " ").split())
        assert "rewrote consistently" in output
        assert "superuser" in output
