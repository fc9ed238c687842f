"""Rules that several commands share."""

from __future__ import annotations

from eventsourcing.domain import Aggregate

from application.command import Loaded
from application.errors import NotFound
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet


def release_order(session: PaymentSession, loaded: Loaded, *, reason: str) -> list[Aggregate]:
    """The session's order, released if the session holds it; empty if there is no such order."""
    order = loaded.find(Order, Order.stream_id(session.merchant_id, session.order_id))
    if order is None:
        return []
    order.release(session_id=session.public_id, reason=reason, at=loaded.now)
    return [order]


def own_wallet(wallet: Wallet, wallet_app_id: str) -> Wallet:
    """The wallet, if it belongs to the app.

    Raises:
        NotFound: it belongs to another app. The caller cannot tell that from no wallet at all.
    """
    if wallet.wallet_app_id != wallet_app_id:
        raise NotFound(thing="wallet")
    return wallet
