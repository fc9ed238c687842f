"""The origin of the log, fixed when the database is migrated."""

from __future__ import annotations

from uuid_utils.compat import uuid7

from application.bus import Bus
from application.command import Envelope
from application.commands.open_log import OpenLog
from application.event_log import EventLog, fold, history
from domain.sealing.sealed_log import STREAM_ID, SealedLog, make_origin
from infrastructure.accounts import command_line_actor
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.settings import Settings


def read_log(log: EventLog) -> SealedLog | None:
    """The log's own stream; None while it has no origin."""
    sealed: SealedLog | None = fold(history(log, STREAM_ID))
    return sealed


def open_log(settings: Settings, url: str) -> str | None:
    """Fix the origin if there is none.

    Returns the origin if it was fixed now, an empty text if it was fixed before, and None if the
    log has none still.

    In an empty ledger `log.opened` is the first event. A ledger that is older than sealing gets it
    at its next position: a leaf is an event at its position, whenever the log was opened. A live
    ledger needs a host in its settings, because the origin can never be corrected; without one
    nothing is recorded.

    Raises:
        LedgerError: the log cannot be read, or its clock is in doubt.
    """
    log = PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=1))
    try:
        if read_log(log) is not None:
            return ""
        if not settings.log_host:
            return None
        origin = make_origin(settings.log_host, settings.mode, uuid7())
        envelope = Envelope(
            command=OpenLog(origin=origin), command_id=uuid7(), actor=command_line_actor()
        )
        opened: SealedLog = Bus(log).send(envelope).subject
    finally:
        log.close()
    return opened.origin
