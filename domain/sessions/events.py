"""The events of a payment session. Topics and fields are stored and never change.

To add an event: define it here with its topic and `apply`, then bind it in `PaymentSession`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eventsourcing.domain import Aggregate

from domain import times
from domain.merchants.fee_plan import FeeRefundPolicy
from domain.money.money import Amount
from domain.sessions.attempt import AttemptStatus
from domain.sessions.state import Claim, Funding, Payment, Status, increment
from domain.wallets.account import WalletAccount

if TYPE_CHECKING:
    from domain.sessions.payment_session import PaymentSession


class SessionEvent(Aggregate.Event):
    """The base of a session's events."""

    TOPIC = "payment_session.event"


class Created(SessionEvent, Aggregate.Created):
    """A merchant requested a payment."""

    TOPIC = "payment_session.created"
    merchant_id: str
    merchant_name: str
    order_id: str
    amount_minor: int
    currency: str
    exponent: int
    description: str
    expires_at: str
    expires_in_seconds: int
    return_url: str | None
    metadata: dict[str, str]
    checkout_may_cancel: bool
    fee_minor: int
    fee_refund_policy: str
    callback_url: str | None
    static_code_id: str | None
    class_version = 2

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        """Sessions of the first version have no fee, no callback and no static code."""
        policy = FeeRefundPolicy.PROPORTIONAL.value
        state.update(fee_minor=0, fee_refund_policy=policy, callback_url=None, static_code_id=None)


class Scanned(SessionEvent):
    """A wallet claimed the session for the duration of a lease."""

    TOPIC = "payment_session.scanned"
    claim_id: str
    wallet_id: str
    wallet_app_id: str
    lease_until: str

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the claim and count it."""
        app = self.wallet_app_id
        lease_until = times.from_text(self.lease_until)
        aggregate.status = Status.SCANNED
        aggregate.claim = Claim(self.claim_id, self.wallet_id, app, lease_until)
        aggregate.claims_by_app = increment(aggregate.claims_by_app, app)
        aggregate.claims_by_wallet = increment(aggregate.claims_by_wallet, self.wallet_id)


class ClaimReleased(SessionEvent):
    """The wallet released its claim."""

    TOPIC = "payment_session.claim_released"
    claim_id: str

    def apply(self, aggregate: PaymentSession) -> None:
        """Remove the claim."""
        aggregate.status = Status.CREATED
        aggregate.claim = None


class Paid(SessionEvent):
    """The session was paid in full. Posts the payment, so it carries every figure of it."""

    TOPIC = "payment_session.paid"
    funding: str
    """`wallet` or `processor`."""
    source: str | None
    """The wallet's account: `available` or `held`."""
    wallet_id: str | None
    claim_id: str | None
    attempt_id: str | None
    processor: str | None
    amount_minor: int
    currency: str
    exponent: int
    fee_minor: int
    """The merchant's fee, in the session's currency."""
    payer_amount_minor: int
    """Everything the payer pays, the spread included."""
    payer_currency: str
    payer_exponent: int
    spread_minor: int
    """The house's part, in the payer's currency."""
    quote_id: str | None
    merchant_id: str
    merchant_name: str
    class_version = 2

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        """Payments of the first version came from the wallet's balance, in one currency, free."""
        state |= {
            "funding": Funding.WALLET.value,
            "source": WalletAccount.AVAILABLE.value,
            "attempt_id": None,
            "processor": None,
            "fee_minor": 0,
            "payer_amount_minor": state["amount_minor"],
            "payer_currency": state["currency"],
            "payer_exponent": state["exponent"],
            "spread_minor": 0,
            "quote_id": None,
        }

    def apply(self, aggregate: PaymentSession) -> None:
        """Record the payment; the session has ended."""
        aggregate.status = Status.PAID
        attempt = aggregate.attempts.get(self.attempt_id) if self.attempt_id else None
        claim = attempt or aggregate.claim  # the claim may have changed since the attempt began
        aggregate.payment = Payment(
            wallet_id=self.wallet_id,
            wallet_app_id=(claim.wallet_app_id or "") if claim else "",
            claim_id=self.claim_id,
            attempt_id=self.attempt_id,
            funding=Funding(self.funding),
            fee_minor=self.fee_minor,
            payer_amount=Amount(self.payer_amount_minor, self.payer_currency, self.payer_exponent),
            spread_minor=self.spread_minor,
            quote_id=self.quote_id,
            paid_at=self.timestamp,
        )
        aggregate.ended_at = self.timestamp
        if attempt is not None and attempt.captured is None:
            amount = Amount(self.amount_minor, self.currency, self.exponent)
            ended = replace(attempt, status=AttemptStatus.CAPTURED, captured=amount)
            aggregate.attempts = {**aggregate.attempts, attempt.id: ended}


class Expired(SessionEvent):
    """The deadline passed without a payment."""

    TOPIC = "payment_session.expired"
    expires_at: str

    def apply(self, aggregate: PaymentSession) -> None:
        """The session has ended."""
        aggregate.status = Status.EXPIRED
        aggregate.ended_at = self.timestamp


class Cancelled(SessionEvent):
    """The merchant, the checkout screen or, for another amount, the payer cancelled the session."""

    TOPIC = "payment_session.cancelled"
    by: str

    def apply(self, aggregate: PaymentSession) -> None:
        """The session has ended."""
        aggregate.status = Status.CANCELLED
        aggregate.ended_at = self.timestamp
