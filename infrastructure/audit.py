"""The invariants, checked on a live database: one snapshot, read only, nothing is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow, namedtuple_row

from application.checks.read_models import check_sessions, check_wallet_payments
from application.checks.snapshots import SnapshotChecker
from application.event_log import Receipt, Recorded
from application.invariants import LogChecker, Violation
from infrastructure.event_store import rows
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import every_snapshot
from infrastructure.postgres.connections import Right, connect

PAGE: Final = 1000
STATEMENT_SECONDS: Final = 600
_ROW_CHECKS: Final = {"sessions": check_sessions, "wallet_payments": check_wallet_payments}


@dataclass(frozen=True, slots=True)
class Report:
    """What a check has seen and what was wrong with it."""

    events: int
    commands: int
    sessions: int
    rows: int
    violations: list[Violation]


def check(url: str, log: PostgresLog) -> Report:
    """Judge the log, its receipts and the read models as they stood at one instant.

    A read model is compared where the pass over the log reaches the position that the model had
    taken in, so a model that lags is judged by what it has seen.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    checker, compared, found = LogChecker(), 0, []
    with connect(url, Right.READER, statement_seconds=STATEMENT_SECONDS) as connection:
        connection.execute("begin isolation level repeatable read read only")
        tracked = connection.execute(
            "select name, position from read_models.tracking where name = any(%s)",
            (list(_ROW_CHECKS),),
        )
        standing: dict[str, int] = dict(tracked.fetchall())
        snapshots = SnapshotChecker(every_snapshot(connection))
        for recorded in _events(connection, log):
            checker.take_in(recorded)
            snapshots.take_in(recorded)
            for name, position in standing.items():
                if position == recorded.position:
                    cursor = connection.cursor(row_factory=namedtuple_row)
                    held = cursor.execute(f"select * from read_models.{name}").fetchall()  # noqa: S608
                    found += _ROW_CHECKS[name](checker, held)
                    compared += len(held)
        receipts = connection.cursor(binary=True).stream(rows.EVERY_RECEIPT)
        violations = [*checker.finish(Receipt(*row) for row in receipts), *found]
        violations += snapshots.finish()
    for name, position in standing.items():
        if position > checker.position:
            text = f"{name} has taken in {position}, the log ends at {checker.position}"
            violations.append(Violation("rows-equal-the-fold", position, text))
    return Report(checker.position, checker.commands, len(checker.sessions), compared, violations)


def _events(connection: Connection[TupleRow], log: PostgresLog) -> Iterator[Recorded]:
    position = 0
    while page := log.page(connection, position, PAGE):
        yield from page
        position = page[-1].position
