"""The recorder behind the log: the library's, with our append and subscriptions that poll.

The library's applications, repositories and test cases run on it unchanged; the bus calls `append`
with whole batches.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    StoredEvent,
    Subscription,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresSubscription
from psycopg import sql
from uuid_utils.compat import uuid7

from application.clock_guard import ClockGuard
from application.errors import LogRejected, LogUnavailable
from application.event_log import AppendRequest, Verdict, VerdictKind
from infrastructure.event_store import rows
from infrastructure.event_store.datastore import LedgerDatastore
from infrastructure.postgres import arrays
from infrastructure.postgres.failures import is_outcome_unknown, is_transient

APPEND_SECONDS: Final = 15.0
"""How long one append may take before its connection is closed."""
SETTLE_SECONDS: Final = 60.0
"""How long a batch with an unknown outcome is sent again before the append fails."""
RETRY_SECONDS: Final = 0.1
POLL_SECONDS: Final = 0.5

_KINDS: Final = {kind.value: kind for kind in VerdictKind}

_log = logging.getLogger(__name__)


class LedgerRecorder(PostgresApplicationRecorder):
    """Appends with the SQL function `ledger.append`; reads as the library does."""

    def __init__(
        self,
        datastore: LedgerDatastore,
        *,
        events_table_name: str = "events",  # noqa: ARG002 - passed by the library's factory
        guard: ClockGuard | None = None,
    ) -> None:
        super().__init__(datastore, events_table_name="events")
        self.channel_name = rows.CHANNEL
        self.connections = datastore.connections
        self._guard = guard if guard is not None else ClockGuard()

    def create_table(self) -> None:
        """Does nothing: migrations create the schema."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Append events as one command; for the library's own classes.

        Raises (checked in this order):
            IntegrityError: a version or the command id exists already.
            OperationalError: the log is unavailable, or its clock is in doubt.
        """
        if not stored_events:
            return []
        command = AppendRequest(kwargs.get("command_id") or uuid7(), b"", [])
        events = [
            rows.EventRow(UUID(str(e.originator_id)), e.originator_version, e.topic, e.state, 1)
            for e in stored_events
        ]
        try:
            [verdict] = self.append([command], [events])
        except LogUnavailable as error:
            raise OperationalError(str(error)) from error
        except LogRejected as error:
            raise IntegrityError(str(error)) from error
        if verdict.kind is VerdictKind.DOUBT:
            raise OperationalError(verdict.kind)
        recorded = {VerdictKind.RECORDED, VerdictKind.DUPLICATE}
        if verdict.kind not in recorded or verdict.first_position is None:
            raise IntegrityError(verdict.kind)
        return list(range(verdict.first_position, (verdict.last_position or 0) + 1))

    def append(
        self, batch: Sequence[AppendRequest], events: Sequence[Sequence[rows.EventRow]]
    ) -> list[Verdict]:
        """Append a batch, each command with its encoded events, in one round trip.

        If the connection breaks before the result arrives, the same batch is sent again with the
        same command ids until the outcome is known: the new call waits for the commit of the old
        one and then returns `duplicate` or `recorded`.

        Raises (checked in this order):
            LogRejected: the batch cannot be stored; no part of it was.
            LogUnavailable: the server is unavailable, or the outcome was unknown for 60 s.
        """
        parameters = rows.append_parameters(batch, events)
        resent = False
        until = time.monotonic() + SETTLE_SECONDS
        while True:
            sent = False
            try:
                with self.connections.connection(APPEND_SECONDS) as connection:
                    elapsed = self._guard.elapsed()
                    limits = self._limits()
                    sent = True
                    result_rows = rows.APPEND(connection, *parameters, *limits)
                verdicts = [
                    Verdict(_KINDS[v], f, last, at, resent) for v, f, last, at in result_rows
                ]
                self._learn_time(verdicts, elapsed)
                return verdicts  # noqa: TRY300 - learning the time raises no database error
            except psycopg.Error as error:
                if not is_transient(error):
                    raise LogRejected(reason=error.diag.message_primary or str(error)) from error
                if not (resent or (sent and is_outcome_unknown(error))):  # nothing was stored
                    raise LogUnavailable(reason=_reason(error)) from error
                resent = True
                if time.monotonic() > until:
                    raise LogUnavailable(reason="the outcome is unknown") from error
                _log.warning("append: %s; sending the batch again", type(error).__name__)
                time.sleep(RETRY_SECONDS)

    def _limits(self) -> tuple[arrays.Value | None, arrays.Value, arrays.Value]:
        """The clock limits of this append, by what this process knows of the ledger's time."""
        guard = self._guard
        limits = arrays.int4(guard.ahead_seconds), arrays.int4(guard.behind_seconds)
        return arrays.instant(guard.witness()), *limits

    def _learn_time(self, verdicts: Sequence[Verdict], elapsed: float) -> None:
        """Adopt the time of a recorded command as the ledger's time."""
        for verdict in verdicts:
            if verdict.kind is VerdictKind.RECORDED:
                self._guard.accept(verdict.recorded_at, elapsed)
                return

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[PostgresApplicationRecorder]:
        """Follow the log after position `gt`, across lost connections and restarts."""
        return PollingSubscription(recorder=self, gt=gt, topics=topics)


def _reason(error: psycopg.Error) -> str:
    match error.sqlstate:
        case "25006":
            return "the database is read-only"
        case "53100":
            return "the database's disk is full"
        case _:
            return "the database is unavailable or busy"


class PollingSubscription(PostgresSubscription):
    """Polls twice a second; NOTIFY only shortens the wait."""

    def _loop_on_pull(self) -> None:
        try:
            while not self._has_been_stopped:
                with suppress(InterfaceError, OperationalError):
                    self._pull()
                self._has_been_notified.wait(timeout=POLL_SECONDS)
        except BaseException as error:  # noqa: BLE001 - raised again in the iterating thread
            self._thread_error = self._thread_error or error
            self.stop()

    def _listen(self) -> None:
        while not self._has_been_stopped:
            with (
                suppress(InterfaceError, OperationalError),
                self._recorder.datastore.get_connection() as connection,
            ):
                channel = sql.Identifier(self._recorder.channel_name)
                connection.execute(sql.SQL("listen {}").format(channel))
                try:
                    while not self._has_been_stopped:
                        for _ in connection.notifies(timeout=0.1, stop_after=1):
                            self._has_been_notified.set()
                finally:
                    with suppress(psycopg.Error):
                        connection.execute("unlisten *")
            self._has_been_notified.wait(timeout=RETRY_SECONDS)
