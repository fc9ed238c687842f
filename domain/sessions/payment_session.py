"""The payment session: a merchant's request to be paid, from QR to receipt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.domain import event

from domain import ids, times
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest
from domain.merchants.fee_plan import NO_FEE, Fee, FeeRefundPolicy
from domain.money.fx import Conversion
from domain.money.money import Amount, Money, check_amount
from domain.sessions import attempt_events, dispute_events, events, refund_events, restriction
from domain.sessions.attempt import Attempt
from domain.sessions.dispute_events import Dispute
from domain.sessions.errors import (
    ClaimRequired,
    PaymentInFlight,
    SessionExpired,
    SessionNotPayable,
)
from domain.sessions.paying import record_paid
from domain.sessions.refund import Refund, plan_refund, refund_fields, refunded_minor
from domain.sessions.state import (
    LEASE_SECONDS_MAX,
    LIFETIME_SECONDS_DEFAULT,
    OPEN,
    Claim,
    Funding,
    Payment,
    Status,
    check_cancelled_by,
    check_claims,
    check_same,
    check_sizes,
    claimed,
)
from domain.wallets.account import WalletAccount


class PaymentSession(LedgerAggregate):
    """A merchant's request to be paid, from QR to receipt.

        created ──scan──▶ scanned ──pay──▶ paid ◀──capture── processing
           │  ◀──release──  │                                 ▲      │
           └──────┬─────────┴──────── start an attempt ───────┘      │
                  ├── expire, cancel ──▶ expired, cancelled          │
                  └──────────◀────── decline, void ──────────────────┴──▶ failed

    Attempts to pay through a processor are decided in `attempts.py`. State consists of immutable
    values, so a shallow copy of a session is independent. Ids in events are TypeIDs.
    """

    TOPIC = "payment_session"

    Event = events.SessionEvent
    Created = events.Created
    Scanned, ClaimReleased = events.Scanned, events.ClaimReleased
    Paid = events.Paid
    Expired, Cancelled = events.Expired, events.Cancelled
    Restricted = restriction.Restricted
    RefundRequested = refund_events.RefundRequested
    RefundSucceeded = refund_events.RefundSucceeded
    RefundFailed = refund_events.RefundFailed
    RefundResolved = refund_events.RefundResolved
    Processing, Declined = attempt_events.Processing, attempt_events.Declined
    Failed, Flagged = attempt_events.Failed, attempt_events.Flagged
    AttemptAccepted, Unanswered = attempt_events.Accepted, attempt_events.Unanswered
    VoidRequested, Resolved = attempt_events.VoidRequested, attempt_events.Resolved
    DisputeOpened, DisputeWon = dispute_events.DisputeOpened, dispute_events.DisputeWon
    DisputeLost = dispute_events.DisputeLost

    @event(Created)
    def __init__(
        self,
        merchant_id: str,
        merchant_name: str,
        order_id: str,
        amount_minor: int,
        currency: str,
        exponent: int,
        description: str,
        expires_at: str,
        expires_in_seconds: int,
        return_url: str | None,
        metadata: dict[str, str],
        checkout_may_cancel: bool,  # noqa: FBT001 - the library calls it with event fields
        fee_minor: int,
        fee_refund_policy: str,
        callback_url: str | None,
        static_code_id: str | None,
    ) -> None:
        self.merchant_id = merchant_id
        self.merchant_name = merchant_name
        self.order_id = order_id
        self.amount = Money(amount_minor, currency)
        self.exponent = exponent
        self.description = description
        self.expires_at = times.from_text(expires_at)
        self.expires_in_seconds = expires_in_seconds
        self.return_url = return_url
        self.metadata: Mapping[str, str] = metadata
        self.checkout_may_cancel = checkout_may_cancel
        self.fee_minor = fee_minor
        self.fee_refund_policy = FeeRefundPolicy(fee_refund_policy)
        self.callback_url = callback_url
        self.static_code_id = static_code_id
        self.status = Status.CREATED
        self.claim: Claim | None = None
        self.claims_by_app: Mapping[str, int] = {}
        self.claims_by_wallet: Mapping[str, int] = {}
        self.payment: Payment | None = None
        self.refunds: Mapping[str, Refund] = {}
        self.attempts: Mapping[str, Attempt] = {}
        self.flags: tuple[str, ...] = ()
        self.flagged: frozenset[tuple[str, str]] = frozenset()
        self.disputes: Mapping[str, Dispute] = {}
        self.disputed_minor = 0
        self.ended_at: datetime | None = None
        self.restricted = False

    @classmethod
    def create(
        cls,
        *,
        session_id: UUID,
        merchant_id: str,
        merchant_name: str,
        order_id: str,
        amount: Money,
        at: datetime,
        expires_in_seconds: int = LIFETIME_SECONDS_DEFAULT,
        description: str = "",
        return_url: str | None = None,
        metadata: Mapping[str, str] | None = None,
        checkout_may_cancel: bool = False,
        fee: Fee = NO_FEE,
        callback_url: str | None = None,
        static_code_id: str | None = None,
    ) -> PaymentSession:
        """Request a payment. `at` is the ledger's time; the lifetime is 60 to 86,400 seconds.

        The fee is fixed here, so a later change of the merchant's plan does not affect it.

        Raises (checked in this order):
            InvalidRequest: the currency is not in use, or the amount is out of range.
            InvalidRequest: a text, the metadata or the lifetime is out of range.
        """
        check_amount(amount.minor, amount.currency)
        metadata = dict(metadata or {})
        check_sizes(order_id, description, return_url, callback_url, metadata, expires_in_seconds)
        return cls._create(
            cls.Created,
            id=session_id,
            timestamp=at,
            merchant_id=merchant_id,
            merchant_name=merchant_name,
            order_id=order_id,
            amount_minor=amount.minor,
            currency=amount.currency,
            exponent=amount.exponent,
            description=description,
            expires_at=times.to_text(at + timedelta(seconds=expires_in_seconds)),
            expires_in_seconds=expires_in_seconds,
            return_url=return_url,
            metadata=metadata,
            checkout_may_cancel=checkout_may_cancel,
            fee_minor=fee.minor,
            fee_refund_policy=fee.refund_policy.value,
            callback_url=callback_url,
            static_code_id=static_code_id,
        )

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return ids.encode("ps", self.id)

    def status_at(self, at: datetime) -> Status:
        """The status at an instant: expired as soon as the deadline has passed."""
        return Status.EXPIRED if self.status in OPEN and at >= self.expires_at else self.status

    @property
    def refunded_minor(self) -> int:
        """What has been refunded of the amount, without pending refunds."""
        return refunded_minor(self.refunds.values(), pending=False)

    def paid_by(self, wallet_id: str) -> bool:
        """Whether this wallet has paid."""
        return self.payment is not None and self.payment.wallet_id == wallet_id

    def processing_for(self, wallet_id: str) -> bool:
        """Whether a processor is working on a payment by this wallet."""
        attempt = self.current_attempt
        return attempt is not None and attempt.wallet_id == wallet_id

    # These methods decide and may refuse; events only record.

    def scan(
        self,
        *,
        wallet_id: str,
        wallet_app_id: str,
        claim_id: str,
        at: datetime,
        lease_seconds: int,
    ) -> None:
        """Claim the session for a wallet; does nothing if it already holds a claim or has paid.

        Args:
            wallet_id: the wallet that scanned the code.
            wallet_app_id: the app that acts for the wallet.
            claim_id: the id of a new claim.
            at: the ledger's time, UTC.
            lease_seconds: how long no other wallet can claim the session, 1 to 600.

        Raises (checked in this order):
            SessionNotPayable: cancelled, failed, processing, or paid by another wallet.
            SessionExpired: `at` is not before `expires_at`.
            SessionClaimed: another wallet holds a claim whose lease has not ended.
            ClaimsExhausted: the wallet has claimed this session three times, or all wallets of
                its app together have claimed it twelve times.
            InvalidRequest: the lease is out of range.
        """
        if self.paid_by(wallet_id):
            return
        self.check_open(at)
        if self.claim and self.claim.wallet_id == wallet_id:
            return
        if self.claim and at < self.claim.lease_until:
            raise claimed(self.public_id, self.claim, at)
        check_claims(
            self.public_id,
            by_wallet=self.claims_by_wallet.get(wallet_id, 0),
            by_app=self.claims_by_app.get(wallet_app_id, 0),
        )
        if not 1 <= lease_seconds <= LEASE_SECONDS_MAX:
            raise InvalidRequest.of("lease_seconds", f"must be from 1 to {LEASE_SECONDS_MAX}")
        self.trigger_event(
            self.Scanned,
            claim_id=claim_id,
            wallet_id=wallet_id,
            wallet_app_id=wallet_app_id,
            lease_until=times.to_text(at + timedelta(seconds=lease_seconds)),
            timestamp=at,
        )

    def release_claim(self, *, wallet_app_id: str, wallet_id: str | None, at: datetime) -> None:
        """Release the claim, so that another wallet can scan immediately.

        Raises (checked in this order):
            SessionNotPayable: the session has ended, or is processing.
            SessionExpired: `at` is not before `expires_at`.
            ClaimRequired: there is no claim by this app (and by this wallet, if one is given).
        """
        self.check_open(at)
        claim = self.claim
        if claim is None or claim.wallet_app_id != wallet_app_id:
            raise ClaimRequired(session_id=self.public_id)
        if wallet_id is not None and claim.wallet_id != wallet_id:
            raise ClaimRequired(session_id=self.public_id)
        self.trigger_event(self.ClaimReleased, claim_id=claim.id, timestamp=at)

    def pay(
        self,
        *,
        wallet_id: str,
        claim_id: str,
        amount: Money,
        at: datetime,
        conversion: Conversion | None = None,
        quote_id: str | None = None,
    ) -> None:
        """Pay in full from the wallet that holds the claim; does nothing if it has already paid.

        The caller also captures from the wallet what the payer pays, and records both or neither.

        Args:
            wallet_id: the paying wallet.
            claim_id: the id of the wallet's claim.
            amount: what the payer agreed to; must equal the session's amount.
            at: the ledger's time, UTC.
            conversion: what a wallet in another currency pays.
            quote_id: the quote of that conversion.

        Raises (checked in this order):
            SessionNotPayable: cancelled, failed, processing, or paid by another wallet.
            SessionExpired: `at` is not before `expires_at`.
            ClaimRequired: the wallet does not hold this claim.
            AmountMismatch: the amount or currency is not the session's.
        """
        if self.paid_by(wallet_id):
            return
        self.check_payment(wallet_id=wallet_id, claim_id=claim_id, amount=amount, at=at)
        pays = conversion.pays if conversion else None
        record_paid(
            self,
            at=at,
            funding=Funding.WALLET,
            source=WalletAccount.AVAILABLE,
            wallet_id=wallet_id,
            claim_id=claim_id,
            pays=Amount(pays.minor, pays.currency, pays.exponent) if pays else None,
            spread_minor=conversion.spread.minor if conversion else 0,
            quote_id=quote_id,
        )

    def check_payment(self, *, wallet_id: str, claim_id: str, amount: Money, at: datetime) -> None:
        """Check that a wallet may pay; see `pay` for what is refused."""
        self.check_open(at)
        claim = self.claim
        if claim is None or claim.wallet_id != wallet_id or claim.id != claim_id:
            raise ClaimRequired(session_id=self.public_id)
        check_same(self.public_id, asked=self.amount, offered=amount)

    def refund(self, *, refund_id: str, amount: Money, reason: str, at: datetime) -> Refund:
        """Return a part of the payment, or all of it, to the payer's wallet.

        The caller also credits the wallet and debits the merchant, and records all or nothing.

        Raises (checked in this order):
            InvalidRequest: the amount is out of range or in another currency than the session's,
                or the reason has more than 200 characters.
            SessionNotPaid: the session is not paid.
            RefundExceedsPaid: the refunds, this one and pending ones included, exceed the payment.
            RefundsExhausted: the session has 250 refunds.
        """
        refund = plan_refund(self, refund_id=refund_id, amount=amount, reason=reason, at=at)
        self.trigger_event(
            self.RefundSucceeded,
            timestamp=at,
            reserved=False,
            refunded_minor=self.refunded_minor + refund.amount_minor,
            **refund_fields(self, refund),
        )
        return self.refunds[refund_id]

    def cancel(self, *, by: str, at: datetime) -> None:
        """Cancel the session.

        Args:
            by: `merchant`, `checkout`, or `payer` for a session of a static code.
            at: the ledger's time, UTC.

        Raises (checked in this order):
            PaymentInFlight: a processor is working on a payment.
            SessionNotPayable: the session has ended, or its deadline has passed.
            InvalidRequest: `by` is none of these.
        """
        self.check_not_in_flight()
        if (status := self.status_at(at)) not in OPEN:
            raise SessionNotPayable(session_id=self.public_id, session_status=status.value)
        check_cancelled_by(by)
        self.trigger_event(self.Cancelled, by=by, timestamp=at)

    def expire(self, *, at: datetime) -> bool:
        """Record that the deadline has passed; returns whether it has and the session was open."""
        is_due = self.status in OPEN and at >= self.expires_at
        if is_due:
            expires_at = times.to_text(self.expires_at)
            self.trigger_event(self.Expired, expires_at=expires_at, timestamp=at)
        return is_due

    @property
    def current_attempt(self) -> Attempt | None:
        """The attempt whose end is not known: the last one, or none."""
        return next((one for one in self.attempts.values() if one.active), None)

    def check_not_in_flight(self) -> None:
        """Check that no processor is working on a payment: `PaymentInFlight`."""
        if attempt := self.current_attempt:
            raise PaymentInFlight(session_id=self.public_id, processor=attempt.processor)

    def check_open(self, at: datetime) -> None:
        """Check that the session can still be paid.

        Raises (checked in this order):
            SessionExpired: `at` is not before `expires_at`.
            SessionNotPayable: the session has ended, or is processing.
        """
        status = self.status_at(at)
        if status is Status.EXPIRED:
            raise SessionExpired(
                session_id=self.public_id, expires_at=times.to_text(self.expires_at)
            )
        if status not in OPEN:
            raise SessionNotPayable(session_id=self.public_id, session_status=status.value)
