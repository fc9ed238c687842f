"""The events this program knows, by topic: built from the aggregates, never from stored text.

The event-sourcing library finds a class by importing what a topic names. What is stored is data:
it chooses among the classes listed here and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from domain.aggregate import LedgerAggregate
from domain.clock import ClockAcceptance
from domain.merchants.api_key import ApiKey
from domain.merchants.key_ring import KeyRing
from domain.merchants.merchant import Merchant
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import Wallet
from domain.wallets.wallet_app import WalletApp

AGGREGATES: Final[tuple[type[LedgerAggregate], ...]] = (
    PaymentSession,
    Order,
    Wallet,
    WalletApp,
    TopUpReference,
    Merchant,
    ApiKey,
    KeyRing,
    ClockAcceptance,
)
"""Every aggregate whose events are stored; a new one is added here."""


def events_of(aggregates: Iterable[type[Any]]) -> Mapping[str, type[Any]]:
    """The event classes of some aggregates, by topic."""
    found: dict[str, type[Any]] = {}
    for aggregate in aggregates:
        for value in vars(aggregate).values():
            if isinstance(value, type) and "TOPIC" in vars(value) and value is not aggregate.Event:
                found[value.TOPIC] = value  # type: ignore[attr-defined]
    return MappingProxyType(found)


EVENTS: Final = events_of(AGGREGATES)
