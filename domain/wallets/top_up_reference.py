"""The reference of a top-up: used at most once per wallet, ever."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate


class TopUpReference(LedgerAggregate):
    """A reference that a top-up of a wallet has used.

    Its stream id is derived from wallet and reference, so a wallet with a million top-ups needs no
    list of references: the stream exists or it does not.
    """

    TOPIC = "top_up_reference"

    class Event(Aggregate.Event):
        """The base of a reference's events."""

        TOPIC = "top_up_reference.event"

    class Used(Event, Aggregate.Created):
        """A top-up of the wallet used the reference."""

        TOPIC = "top_up_reference.used"
        wallet_id: str
        reference: str

    @event(Used)
    def __init__(self, wallet_id: str, reference: str) -> None:
        self.wallet_id = wallet_id
        self.reference = reference

    @staticmethod
    def stream_id(wallet_id: UUID, reference: str) -> UUID:
        """The stream of a wallet's reference. Migration 0003 computes the same id in SQL."""
        return ids.derive("top-up reference", wallet_id.bytes, reference)

    @classmethod
    def use(cls, *, wallet_id: UUID, reference: str, at: datetime) -> TopUpReference:
        """Record that a top-up of the wallet used the reference. `at` is the ledger's time."""
        return cls._create(
            cls.Used,
            id=cls.stream_id(wallet_id, reference),
            timestamp=at,
            wallet_id=ids.encode("wal", wallet_id),
            reference=reference,
        )
