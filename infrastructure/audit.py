"""The invariants, checked on a live database: one read-only snapshot, without stopping anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow, namedtuple_row

from application.checks.checker import LogChecker
from application.checks.head import check_head
from application.checks.read_models import (
    JournalRowCheck,
    check_attempts,
    check_balances,
    check_payouts,
    check_refunds,
    check_sessions,
    check_static_codes,
    check_wallet_payments,
)
from application.checks.snapshots import SnapshotChecker
from application.checks.violation import Violation
from application.event_log import Receipt, Recorded
from infrastructure.event_store import rows
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import all_snapshots
from infrastructure.postgres.connections import DatabaseRole, connect

PAGE: Final = 1000
BEGIN_TRIES_MAX: Final = 10
STATEMENT_SECONDS: Final = 600
CLOCK_OFFSET: Final = """
select (extract(epoch from accepted_offset) * 1000000)::bigint, advanced_seconds from ledger.clock
"""
INVALID_TIMES_MAX: Final = 20
CALENDAR: Final = "between '0001-01-02' and '9999-12-30'"
"""Dates that Python can represent; PostgreSQL also has `infinity` and the year 294276."""
LIMIT: Final = (
    "This check finds changes that contradict the rest of the database. It cannot find a history "
    "that the owner or a superuser rewrote consistently; keep those logins away from the "
    "processes, and backups out of their reach."
)
"""What a check without signatures cannot prove; printed with every result."""
_INVALID_TIMES: Final = f"""
select 'event', notification_id, recorded_at::text from ledger.events
 where not recorded_at {CALENDAR}
union all
select 'receipt', coalesce(first_pos, 0), recorded_at::text from ledger.commands
 where not recorded_at {CALENDAR}
 order by 2, 1 limit {INVALID_TIMES_MAX}
"""  # noqa: S608 - constants of this file
_HEAD: Final = f"""
select pos, case when recorded_at {CALENDAR} then recorded_at end from ledger.head
"""  # noqa: S608 - constants of this file
_ROW_CHECKS: Final[Mapping[str, Callable[[LogChecker, Iterable[Any]], list[Violation]]]] = {
    "sessions": check_sessions,
    "wallet_payments": check_wallet_payments,
    "balances": check_balances,
    "payouts": check_payouts,
    "refunds": check_refunds,
    "attempts": check_attempts,
    "static_codes": check_static_codes,
}
JOURNAL: Final = "journal"
"""Its rows are as many as the events, so they are read beside them."""
ROW_CHECKED: Final = (*_ROW_CHECKS, JOURNAL)
"""The read models whose rows are compared with the events."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check has read, and the violations it found."""

    events: int
    commands: int
    sessions: int
    rows: int
    violations: list[Violation]


def check(url: str, log: PostgresLog, *, versions: Mapping[str, int] | None = None) -> Report:
    """Check the log, its receipts, the snapshots and the read models at one instant.

    A read model is compared when the pass over the log reaches the model's position, so a model
    that lags is compared with the events it has applied. Times outside the calendar are reported
    alone, because nothing else can be read then.

    Args:
        url: the database.
        log: decodes the events.
        versions: of the read models of this program. After an upgrade, rows of another version are
            not compared until the worker has built the new ones. None: all rows are compared.

    Raises:
        psycopg.OperationalError: the database is unavailable.
    """
    checker, compared, in_rows = LogChecker(), 0, []
    with connect(url, DatabaseRole.READER, statement_seconds=STATEMENT_SECONDS) as connection:
        models = begin_snapshot(connection, ROW_CHECKED)
        invalid_times = [
            Violation("times-agree", position, f"{kind} recorded at {at}")
            for kind, position, at in connection.execute(_INVALID_TIMES).fetchall()
        ]
        if invalid_times:
            return Report(0, 0, 0, 0, invalid_times)
        head = connection.execute(_HEAD).fetchone()
        processes = connection.execute("select name, position from ledger.process_positions")
        process_positions: dict[str, int] = dict(processes.fetchall())
        tracked = connection.execute(
            "select name, version, position from read_models.tracking where name = any(%s)",
            (models,),
        )
        model_positions: dict[str, int] = {
            name: position
            for name, version, position in tracked
            if versions is None or versions.get(name) == version
        }
        snapshots = SnapshotChecker(all_snapshots(connection))
        journal_position = model_positions.get(JOURNAL, 0)
        journal = JournalRowCheck(_journal(connection) if journal_position else ())
        for recorded in _events(connection, log):
            checker.observe(recorded)
            snapshots.observe(recorded)
            if recorded.position <= journal_position:
                journal.observe(recorded, checker.books.changes_at(recorded.position))
            for name, position in model_positions.items():
                if position == recorded.position and name != JOURNAL:
                    cursor = connection.cursor(row_factory=namedtuple_row)
                    model = cursor.execute(f"select * from read_models.{name}").fetchall()  # noqa: S608
                    in_rows += _ROW_CHECKS[name](checker, model)
                    compared += len(model)
        journal.finish(journal_position)
        in_rows += journal.violations
        compared += journal.compared
        row = connection.execute(CLOCK_OFFSET).fetchone()
        receipts = connection.cursor(binary=True).stream(rows.EVERY_RECEIPT)
        violations = [*checker.finish(Receipt(*row) for row in receipts), *in_rows]
        violations += snapshots.finish()
        log_head = (head[0], head[1]) if head else None
        violations += check_head(checker.log, log_head, process_positions)
    offset, advanced = row or (None, None)
    if offset != checker.clock.offset_microseconds:
        text = f"the offset is {offset} µs, in the events {checker.clock.offset_microseconds}"
        violations.append(Violation("clock-as-accepted", 0, text))
    if advanced != checker.clock.advanced_seconds:
        text = f"advanced by {advanced} s, in the events by {checker.clock.advanced_seconds} s"
        violations.append(Violation("clock-as-accepted", 0, text))
    for name, position in model_positions.items():
        if position > checker.log.position:
            text = f"{name} is at position {position}, the log ends at {checker.log.position}"
            violations.append(Violation("rows-equal-the-fold", position, text))
    return Report(
        checker.log.position,
        checker.commands.count,
        len(checker.sessions.facts),
        compared,
        violations,
    )


def begin_snapshot(connection: Connection[TupleRow], models: Iterable[str]) -> list[str]:
    """Open a snapshot and lock the tables of these read models; returns those that exist.

    A rebuild replaces a table, and a table created after the snapshot appears empty in it. So the
    tables are locked first; the snapshot is taken by the statement after that. A model without a
    table yet is not compared: its first table may be created at any moment.
    """
    names = {name: sql.Identifier("read_models", name) for name in models}
    for _ in range(BEGIN_TRIES_MAX):
        existing = [
            name
            for name, table in names.items()
            if connection.execute(
                "select to_regclass(%s)", (table.as_string(connection),)
            ).fetchone()
            != (None,)
        ]
        connection.execute("begin isolation level repeatable read read only")
        if not existing:
            return []
        try:
            tables = sql.SQL(", ").join(names[name] for name in existing)
            connection.execute(sql.SQL("lock table {} in access share mode").format(tables))
        except psycopg.errors.UndefinedTable:  # replaced in the meantime
            connection.execute("rollback")
        else:
            return existing
    msg = "the read models are being rebuilt continuously"
    raise psycopg.OperationalError(msg)


def _journal(connection: Connection[TupleRow]) -> Iterator[Any]:
    """The rows of the journal, a page at a time."""
    with connection.cursor("journal", row_factory=namedtuple_row) as cursor:
        cursor.itersize = PAGE
        cursor.execute("select * from read_models.journal order by position, no")
        yield from cursor


def _events(connection: Connection[TupleRow], log: PostgresLog) -> Iterator[Recorded]:
    position = 0
    while page := log.read_on(connection, position, PAGE):
        yield from page
        position = page[-1].position
