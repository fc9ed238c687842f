"""Rules that several commands share."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Loaded
from application.errors import CreditsNotCounted, NotFound
from domain import ids
from domain.merchants.webhook_endpoint import WebhookEndpoints
from domain.merchants.webhook_events import Endpoint
from domain.payouts.debits import Credits, DebitKind, MerchantDebits
from domain.payouts.errors import PayableInsufficient
from domain.sessions.errors import OrderOpen, OrderPaid
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from domain.treasury.treasury import Treasury
from domain.wallets.wallet import Wallet


def release_order(session: PaymentSession, loaded: Loaded, *, reason: str) -> list[Aggregate]:
    """The session's order, released if the session holds it; empty if there is no such order."""
    order = loaded.find(Order, Order.stream_id(session.merchant_id, session.order_id))
    if order is None:
        return []
    order.release(session_id=session.public_id, reason=reason, at=loaded.now)
    return [order]


def free_order(order: Order, loaded: Loaded) -> list[Aggregate]:
    """The order, free for another session: expires the one that holds it, if that is due.

    Returns that session; empty if none holds the order.

    Raises (checked in this order):
        OrderPaid, OrderOpen: the order has such a session; its id is in the facts.
    """
    if order.session_id is None:
        return []
    holder = loaded.get(PaymentSession, ids.decode("ps", order.session_id), "payment session")
    if holder.status is Status.PAID:
        raise OrderPaid(order_id=order.order_id, session_id=holder.public_id)
    if not loaded.reached(holder.expires_at) or not holder.expire(at=loaded.now):
        raise OrderOpen(order_id=order.order_id, session_id=holder.public_id)
    order.release(session_id=holder.public_id, reason=Status.EXPIRED.value, at=loaded.now)
    return [holder]


def own_session(session: PaymentSession, merchant_id: UUID) -> PaymentSession:
    """The session, if it belongs to the merchant.

    Raises:
        NotFound: it belongs to another merchant. The caller cannot tell that from no session.
    """
    if session.merchant_id != ids.encode("mer", merchant_id):
        raise NotFound(thing="payment session")
    return session


def debits_of(loaded: Loaded, merchant_id: UUID, currency: str) -> MerchantDebits:
    """A merchant's debits in a currency; started with its first one."""
    debits = loaded.find(MerchantDebits, MerchantDebits.stream_id(merchant_id, currency))
    return debits or MerchantDebits.open(merchant_id=merchant_id, currency=currency, at=loaded.now)


def treasury_of(loaded: Loaded, currency: str) -> Treasury:
    """The treasury of a currency; started with its first movement."""
    treasury = loaded.find(Treasury, Treasury.stream_id(currency))
    return treasury or Treasury.open(currency=currency, at=loaded.now)


def take_from_payable(
    debits: MerchantDebits,
    kind: DebitKind,
    subject_id: str,
    *,
    amount_minor: int,
    credits: Credits,
    credits_are_current: bool,
    at: datetime,
) -> None:
    """Debit a merchant, if its credits cover that.

    Credits only grow, so credits of any position of the past prove that a debit is covered. Only
    those counted up to the head at the request's arrival prove that it is not.

    Raises (checked in this order):
        CreditsNotCounted: these credits do not cover it, and later ones may.
        PayableInsufficient: the merchant's credits do not cover it.
    """
    try:
        debits.take(kind, subject_id, amount_minor=amount_minor, credits=credits, at=at)
    except PayableInsufficient:
        if credits_are_current:
            raise
        raise CreditsNotCounted(position=credits.position) from None


def own_wallet(wallet: Wallet, wallet_app_id: str) -> Wallet:
    """The wallet, if it belongs to the app.

    Raises:
        NotFound: it belongs to another app. The caller cannot tell that from no wallet at all.
    """
    if wallet.wallet_app_id != wallet_app_id:
        raise NotFound(thing="wallet")
    return wallet


def claim_session(
    session: PaymentSession, wallet: Wallet, loaded: Loaded, *, claim_id: UUID, lease_seconds: int
) -> None:
    """Claim a session for a wallet; does nothing if the wallet holds a claim or has paid.

    Raises:
        SessionNotPayable, SessionExpired, SessionClaimed, ClaimsExhausted: see
            `PaymentSession.scan`.
    """
    loaded.reached(session.expires_at)
    if session.claim is not None and session.claim.wallet_id != wallet.public_id:
        loaded.reached(session.claim.lease_until)
    session.scan(
        wallet_id=wallet.public_id,
        wallet_app_id=wallet.wallet_app_id,
        claim_id=ids.encode("clm", claim_id),
        at=loaded.now,
        lease_seconds=lease_seconds,
    )


def webhook_endpoints_of(loaded: Loaded, merchant_id: UUID) -> WebhookEndpoints:
    """A merchant's webhook endpoints; started with the first setting."""
    endpoints = loaded.find(WebhookEndpoints, WebhookEndpoints.stream_id(merchant_id))
    return endpoints or WebhookEndpoints.open(merchant_id=merchant_id, at=loaded.now)


def own_endpoint(loaded: Loaded, merchant_id: UUID, endpoint_id: str) -> Endpoint:
    """The endpoint of this id, as it stands.

    Raises:
        NotFound: the merchant has no such endpoint.
    """
    endpoint = webhook_endpoints_of(loaded, merchant_id).endpoints.get(endpoint_id)
    if endpoint is None:
        raise NotFound(thing="webhook endpoint")
    return endpoint
