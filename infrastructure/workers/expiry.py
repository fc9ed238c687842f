"""Runs the expiry process: timers in a table, commands through a bus of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from typing import Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from application.bus import Bus
from application.command import Envelope
from application.consumer import Page, ReadPage
from application.processes import expiry
from domain.errors import LedgerError
from domain.sessions.payment_session import PaymentSession
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import deadline
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole, connect
from infrastructure.workers.supervisor import Progress

SWEEP_SECONDS: Final = 0.5
SWEEP_SECONDS_MAX: Final = 120.0
"""How long one sweep, including its append, may take before its connection is closed."""
PAUSE_SECONDS: Final = 0.02
"""The pause between two full sweeps, so that many expiries at a time do not delay payments."""

_log = logging.getLogger(__name__)


class ExpiryTimers:
    """A consumer that keeps the timers in `ledger.due`."""

    name: Final = "expiry timers"
    topics: Final = frozenset(
        kind.TOPIC
        for kind in (
            PaymentSession.Created,
            PaymentSession.Paid,
            PaymentSession.Expired,
            PaymentSession.Cancelled,
        )
    )

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def prepare(self, read: ReadPage) -> int:  # noqa: ARG002 - the table is part of the schema
        """See `Consumer`."""
        with self._pool.connection() as connection:
            connection.execute(
                "insert into ledger.process_positions (name, position) values (%s, 0) "
                "on conflict do nothing",
                (expiry.NAME,),
            )
            return _position(connection)

    def apply(self, page: Page) -> int:
        """See `Consumer`."""
        changes = expiry.timers(page.events)
        with self._pool.connection() as connection, connection.transaction():
            if (position := _position(connection)) != page.after:
                return position
            connection.execute(
                "insert into ledger.due (kind, key, due_at) "
                "select %s, n.key, n.at from unnest(%s::uuid[], %s::timestamptz[]) as n (key, at) "
                "on conflict do nothing",
                (expiry.NAME, list(changes.due_at), list(changes.due_at.values())),
            )
            connection.execute(
                "delete from ledger.due where kind = %s and key = any(%s)",
                (expiry.NAME, list(changes.cleared)),
            )
            connection.execute(
                "update ledger.process_positions set position = %s where name = %s",
                (page.last, expiry.NAME),
            )
        return page.last


class ExpiryWorker:
    """Sends a command for every timer that is due."""

    def __init__(self, *, url: str, log: PostgresLog, bus: Bus, new_id: Callable[[], UUID]) -> None:
        self._url = url
        self._event_log = log
        self._bus = bus
        self._new_id = new_id
        self._stopped = Event()

    def stop(self) -> None:
        """Make the loop return within a second."""
        self._stopped.set()

    def sweep(self, on_progress: Progress) -> None:
        """Process due timers, until stopped."""
        with connect(self._url, DatabaseRole.PROJECTOR) as connection:
            while not self._stopped.is_set():
                with deadline.limit(connection, SWEEP_SECONDS_MAX):
                    count = self.sweep_once(connection)
                on_progress()
                full = count == expiry.SWEEP_SESSIONS_MAX
                self._stopped.wait(PAUSE_SECONDS if full else SWEEP_SECONDS)

    def sweep_once(self, connection: Connection[TupleRow]) -> int:
        """Process at most 256 due timers; returns their number.

        Does nothing while the clock is in doubt, as nothing could be recorded.
        """
        state = self._event_log.clock_state()
        if state.doubt:
            return 0
        rows = connection.execute(
            "select key from ledger.due where kind = %s and due_at <= %s order by due_at limit %s",
            (expiry.NAME, state.now, expiry.SWEEP_SESSIONS_MAX),
        ).fetchall()
        due = [row[0] for row in rows]
        envelopes = [
            Envelope(command=command, command_id=self._new_id(), actor=expiry.NAME)
            for command in expiry.commands(due)
        ]
        done = []
        for session_id, result in zip(due, self._bus.send_all(envelopes), strict=True):
            if not isinstance(result, LedgerError) or not result.transient:
                done.append(session_id)
            if isinstance(result, LedgerError):
                _log.warning("expiring %s: %s", session_id, result.code)
        if done:
            connection.execute(
                "delete from ledger.due where kind = %s and key = any(%s) and due_at <= %s",
                (expiry.NAME, done, state.now),
            )
        return len(due)


def _position(connection: Connection[TupleRow]) -> int:
    row = connection.execute(
        "select position from ledger.process_positions where name = %s for update", (expiry.NAME,)
    ).fetchone()
    return int(row[0]) if row else 0
