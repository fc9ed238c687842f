"""The wallet app: it opens wallets and acts on their behalf."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain.aggregate import LedgerAggregate
from domain.names import check_name


class WalletApp(LedgerAggregate):
    """A program that payers use; it calls the API with its own keys."""

    TOPIC = "wallet_app"

    class Event(Aggregate.Event):
        """The base of a wallet app's events."""

        TOPIC = "wallet_app.event"

    class Registered(Event, Aggregate.Created):
        """The operator registered the wallet app."""

        TOPIC = "wallet_app.registered"
        name: str

    @event(Registered)
    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def register(cls, *, wallet_app_id: UUID, name: str, at: datetime) -> WalletApp:
        """Register a wallet app with a name of 1 to 80 characters.

        Raises:
            InvalidRequest: the name is empty, too long or not acceptable text.
        """
        check_name(name)
        return cls._create(cls.Registered, id=wallet_app_id, timestamp=at, name=name)
