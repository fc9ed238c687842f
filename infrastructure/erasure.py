"""Erasure: what is kept of a session or a wallet outside the log is deleted, its texts restricted.

Every step may be the last one of a process that is killed; done again, it completes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from application.command import Command, Outcome
from application.commands.restrict_session import RestrictSession
from application.commands.restrict_wallet import RestrictWallet
from application.event_log import STREAM_EVENTS_MAX, EventLog
from domain import ids
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet
from infrastructure.postgres.erasure import Deleted, PostgresErasure


class Sender(Protocol):
    """Sends the operator's commands."""

    def send(self, command: Command) -> Outcome:
        """Execute a command.

        Raises:
            LedgerError: it was refused.
        """
        ...


class Erased(NamedTuple):
    """What was done about a session or wallet."""

    subject: str
    position: int
    """Of the subject's last event; of its restriction, if that was recorded now."""
    deleted: Deleted


class Erasure:
    """Erases sessions and wallets, one at a time."""

    def __init__(self, log: EventLog, sender: Sender, beside: PostgresErasure) -> None:
        self._event_log = log
        self._sender = sender
        self._beside = beside

    def erase_session(self, session_id: UUID) -> Erased:
        """Restrict the texts of a session, and delete what is kept of it beside the log.

        Raises (checked in this order):
            NotFound, SessionNotEnded: see `RestrictSession.decide`.
            psycopg.Error: the rest was not deleted; do it again.
        """
        outcome = self._sender.send(RestrictSession(session_id=session_id))
        session: PaymentSession = outcome.subject
        references = [one.reference for one in session.attempts.values() if one.reference]
        deleted = self._beside.of_session(
            session.public_id, session.merchant_id, session.attempts.keys(), references
        )
        return Erased(session.public_id, outcome.position, deleted)

    def erase_wallet(self, wallet_id: UUID) -> Erased:
        """Restrict the texts of a wallet, and delete what is kept of it beside the log.

        Raises (checked in this order):
            NotFound: see `RestrictWallet.decide`.
            psycopg.Error: the rest was not deleted; do it again.
        """
        outcome = self._sender.send(RestrictWallet(wallet_id=wallet_id))
        name = ids.encode("wal", wallet_id)
        return Erased(name, outcome.position, self._beside.of_wallet(name))

    def paid_sessions(self, wallet_id: UUID) -> Iterator[UUID]:
        """The sessions that a wallet has paid, the first one first.

        Raises:
            LogUnavailable: nothing could be read.
        """
        after = 0
        while page := self._event_log.stream(wallet_id, after=after):
            for recorded in page:
                if recorded.topic == Wallet.Captured.TOPIC:
                    event: Any = recorded.event
                    yield ids.decode("ps", event.session_id)
            after += len(page)
            if len(page) < STREAM_EVENTS_MAX:
                return
