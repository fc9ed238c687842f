"""The wallet app: it opens wallets and acts for those it opened."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain.aggregate import LedgerAggregate
from domain.names import check_name


class WalletApp(LedgerAggregate):
    """A program that payers hold, known to the ledger by its keys."""

    TOPIC = "wallet_app"

    class Event(Aggregate.Event):
        """Anything that happens to a wallet app."""

        TOPIC = "wallet_app.event"

    class Registered(Event, Aggregate.Created):
        """The operator let the app in."""

        TOPIC = "wallet_app.registered"
        name: str

    @event(Registered)
    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def register(cls, *, wallet_app_id: UUID, name: str, at: datetime) -> WalletApp:
        """Let a wallet app in under a name of 1 to 80 characters.

        Raises:
            InvalidRequest: the name is empty or too long.
        """
        check_name(name)
        return cls._create(cls.Registered, id=wallet_app_id, timestamp=at, name=name)
