"""What the database keeps beside the log of a session or a wallet, and how it is deleted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Final, NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

_NOTES: Final = "delete from ledger.attempt_notes where attempt = any(%s)"
_CALLBACKS: Final = """
delete from ledger.processor_callbacks
 where starts_with(fields ->> 'key', %s)
    or (fields ->> 'key' = '' and fields ->> 'charge_reference' = any(%s))
"""
_ANSWERS: Final = """
update ledger.webhook_attempts a
   set answer = '', url = case d.target when 'callback' then '' else a.url end
  from ledger.webhook_deliveries d
 where a.delivery_id = d.id and d.merchant_id = %s and d.subject_id = %s
   and (a.answer <> '' or d.target = 'callback' and a.url <> '')
"""
_SUBSCRIPTIONS: Final = "delete from ledger.push_subscriptions where wallet_id = %s"


class Deleted(NamedTuple):
    """How many rows were deleted, or emptied."""

    attempt_notes: int = 0
    callbacks: int = 0
    webhook_answers: int = 0
    push_subscriptions: int = 0


class PostgresErasure:
    """Deletes what is kept beside the log."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection[TupleRow]]]) -> None:
        """Delete from a database.

        Args:
            connect: lends a connection of the projector.
        """
        self._connect = connect

    def of_session(
        self,
        session_id: str,
        merchant_id: str,
        attempt_ids: Collection[str],
        references: Collection[str],
    ) -> Deleted:
        """Delete what is kept of a session.

        Args:
            session_id: the session, `ps_…`.
            merchant_id: its merchant, `mer_…`.
            attempt_ids: its attempts, `att_…`.
            references: what processors call them.
        """
        with self._connect() as connection, connection.transaction():
            return Deleted(
                attempt_notes=connection.execute(_NOTES, (list(attempt_ids),)).rowcount,
                callbacks=connection.execute(
                    _CALLBACKS, (f"{session_id}.", list(references))
                ).rowcount,
                webhook_answers=connection.execute(_ANSWERS, (merchant_id, session_id)).rowcount,
            )

    def of_wallet(self, wallet_id: str) -> Deleted:
        """Delete what is kept of a wallet, `wal_…`."""
        with self._connect() as connection:
            done = connection.execute(_SUBSCRIPTIONS, (wallet_id,))
            return Deleted(push_subscriptions=done.rowcount)
