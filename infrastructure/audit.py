"""The invariants, checked on a live database: one snapshot, read only, nothing is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow, namedtuple_row

from application.checks.head import check_head
from application.checks.read_models import check_sessions, check_wallet_payments
from application.checks.snapshots import SnapshotChecker
from application.event_log import Receipt, Recorded
from application.invariants import LogChecker, Violation
from infrastructure.event_store import rows
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import all_snapshots
from infrastructure.postgres.connections import DatabaseRole, connect

PAGE: Final = 1000
BEGIN_TRIES_MAX: Final = 10
STATEMENT_SECONDS: Final = 600
CLOCK_OFFSET: Final = (
    "select (extract(epoch from accepted_offset) * 1000000)::bigint from ledger.clock"
)
ABSURD_MAX: Final = 20
CALENDAR: Final = "between '0001-01-02' and '9999-12-30'"
"""What a date can be; PostgreSQL also knows `infinity` and the year 294276."""
LIMIT: Final = (
    "This finds changes that do not fit the rest of the database. It cannot find a history that "
    "somebody with the owner's or a superuser's rights rewrote consistently; keep those from the "
    "processes, and backups out of their reach."
)
"""What a check without signatures cannot show; told wherever its result is."""
_ABSURD: Final = f"""
select 'event', notification_id, recorded_at::text from ledger.events
 where not recorded_at {CALENDAR}
union all
select 'receipt', coalesce(first_pos, 0), recorded_at::text from ledger.commands
 where not recorded_at {CALENDAR}
 order by 2, 1 limit {ABSURD_MAX}
"""  # noqa: S608 - constants of this file
_HEAD: Final = f"""
select pos, case when recorded_at {CALENDAR} then recorded_at end from ledger.head
"""  # noqa: S608 - constants of this file
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
    taken in, so a model that lags is judged by what it has seen. Times outside the calendar are
    told alone: with them nothing else can be read.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    checker, compared, found = LogChecker(), 0, []
    with connect(url, DatabaseRole.READER, statement_seconds=STATEMENT_SECONDS) as connection:
        _begin(connection)
        absurd = [
            Violation("times-agree", position, f"{kind} recorded at {at}")
            for kind, position, at in connection.execute(_ABSURD).fetchall()
        ]
        if absurd:
            return Report(0, 0, 0, 0, absurd)
        head = connection.execute(_HEAD).fetchone()
        processes = connection.execute("select name, position from ledger.process_positions")
        seen: dict[str, int] = dict(processes.fetchall())
        tracked = connection.execute(
            "select name, position from read_models.tracking where name = any(%s)",
            (list(_ROW_CHECKS),),
        )
        model_positions: dict[str, int] = dict(tracked.fetchall())
        snapshots = SnapshotChecker(all_snapshots(connection))
        for recorded in _events(connection, log):
            checker.observe(recorded)
            snapshots.observe(recorded)
            for name, position in model_positions.items():
                if position == recorded.position:
                    cursor = connection.cursor(row_factory=namedtuple_row)
                    held = cursor.execute(f"select * from read_models.{name}").fetchall()  # noqa: S608
                    found += _ROW_CHECKS[name](checker, held)
                    compared += len(held)
        row = connection.execute(CLOCK_OFFSET).fetchone()
        receipts = connection.cursor(binary=True).stream(rows.EVERY_RECEIPT)
        violations = [*checker.finish(Receipt(*row) for row in receipts), *found]
        violations += snapshots.finish()
        violations += check_head(checker, (head[0], head[1]) if head else None, seen)
    offset = row[0] if row else None
    if offset != checker.clock_offset_microseconds:
        text = f"offset {offset} µs, the events say {checker.clock_offset_microseconds}"
        violations.append(Violation("clock-as-accepted", 0, text))
    for name, position in model_positions.items():
        if position > checker.position:
            text = f"{name} has taken in {position}, the log ends at {checker.position}"
            violations.append(Violation("rows-equal-the-fold", position, text))
    return Report(checker.position, checker.commands, len(checker.sessions), compared, violations)


def _begin(connection: Connection[TupleRow]) -> None:
    """Open the snapshot, with the tables of the read models as they are then.

    A rebuild replaces a table. Found by name after the snapshot was taken, the new one would show
    none of its rows in it; so the tables are held first, and the snapshot begins with what follows.
    """
    names = [sql.Identifier("read_models", name) for name in _ROW_CHECKS]
    for _ in range(BEGIN_TRIES_MAX):
        there = [
            name
            for name in names
            if connection.execute(
                "select to_regclass(%s)", (name.as_string(connection),)
            ).fetchone()
            != (None,)
        ]
        connection.execute("begin isolation level repeatable read read only")
        if not there:
            return
        try:
            tables = sql.SQL(", ").join(there)
            connection.execute(sql.SQL("lock table {} in access share mode").format(tables))
        except psycopg.errors.UndefinedTable:  # replaced in between
            connection.execute("rollback")
        else:
            return
    msg = "the read models are rebuilt again and again"
    raise psycopg.OperationalError(msg)


def _events(connection: Connection[TupleRow], log: PostgresLog) -> Iterator[Recorded]:
    position = 0
    while page := log.page(connection, position, PAGE):
        yield from page
        position = page[-1].position
