"""The event classes of this program by topic, collected from the aggregates.

The eventsourcing library finds a class by importing the module that a topic names. Stored topics
are data, so here they only select one of the known classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from domain.aggregate import LedgerAggregate
from domain.clock import Clock
from domain.merchants.api_key import ApiKey
from domain.merchants.key_ring import KeyRing
from domain.merchants.merchant import Merchant
from domain.merchants.webhook_endpoint import WebhookEndpoints
from domain.payouts.debits import MerchantDebits
from domain.payouts.payout import Payout
from domain.processors.settlement import Settlement
from domain.processors.suspense import Suspense
from domain.sealing.sealed_log import SealedLog
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refusals import SessionRefusals
from domain.static_codes.code_sessions import CodeSessions
from domain.static_codes.static_code import StaticCode
from domain.treasury.treasury import Treasury
from domain.wallets.fx_quotes import FxQuotes
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import Wallet
from domain.wallets.wallet_app import WalletApp

AGGREGATES: Final[tuple[type[LedgerAggregate], ...]] = (
    PaymentSession,
    SessionRefusals,
    Order,
    Wallet,
    WalletApp,
    TopUpReference,
    FxQuotes,
    StaticCode,
    CodeSessions,
    Merchant,
    WebhookEndpoints,
    MerchantDebits,
    Payout,
    Treasury,
    Suspense,
    Settlement,
    ApiKey,
    KeyRing,
    Clock,
    SealedLog,
)
"""Every aggregate whose events are stored; add a new one here."""


def events_of(aggregates: Iterable[type[Any]]) -> Mapping[str, type[Any]]:
    """The event classes of some aggregates, by topic."""
    events = {event.TOPIC: event for aggregate in aggregates for event in aggregate.events()}
    return MappingProxyType(events)


EVENTS: Final = events_of(AGGREGATES)
