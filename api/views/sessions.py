"""How responses present payment sessions, to key holders and to the public."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from api.context import ApiConfig
from api.http.fields import ClaimId, SessionId, Time, WalletId
from api.http.identity import CallerRole, Identity
from api.tokens import Tokens, Use
from api.views.attempts import NextActionView, PayerAttemptView, payer_attempt_view
from api.views.merchants import MerchantView, PayeeView
from api.views.money import MoneyView, money_view
from api.views.notices import notice_of
from application.restriction import shown
from domain import ids, times
from domain.money.money import Money
from domain.qr import dynamic_url
from domain.sessions.attempt import Flag
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Payment, Status
from projections.sessions import SessionRow

REFUND_FLAGS: Final = ("refunded", "partially_refunded")
"""What became of a payment; pages show it in place of the status."""
CACHED_SESSIONS_MAX: Final = 4096
"""Sessions whose constant fields are cached: a session is presented at least three times."""
SessionStatus = Literal[
    "created", "scanned", "processing", "paid", "expired", "cancelled", "failed"
]

NoticeName = Literal[
    "unanswered", "unresolved", "ending", "declined", "voided",
    "late", "mismatched", "over", "duplicate",
]  # fmt: skip


class QrView(Struct, frozen=True):
    """The QR code: its text and the URLs of its images."""

    payload: str
    svg_url: str
    png_url: str
    txt_url: str


class ClaimView(Struct, frozen=True):
    """A wallet's lease on the session."""

    id: ClaimId
    wallet_id: WalletId
    lease_until: Time


class PaidView(Struct, frozen=True):
    """The payment: when, from where, and its amounts. What does not apply is null."""

    paid_at: Time
    amount: MoneyView
    funding: Literal["wallet", "processor"]
    wallet_id: WalletId | None
    claim_id: ClaimId | None
    attempt_id: str | None
    payer_amount: MoneyView
    """Everything the payer paid, in the payer's currency."""
    quote_id: str | None


class SessionView(Struct, frozen=True, kw_only=True):
    """A payment session, for key holders."""

    object: Literal["payment_session"] = "payment_session"
    id: SessionId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    status: SessionStatus
    version: int
    position: int
    flags: list[str]
    merchant: MerchantView
    order_id: str
    amount: MoneyView
    fee: MoneyView | UnsetType = UNSET
    """What the merchant is charged once the session is paid; for merchants and auditors only."""
    refunded_minor: int
    description: str
    created_at: Time
    expires_at: Time
    expires_in_seconds: int
    server_time: Time
    served_at: Time | UnsetType = UNSET
    metadata: dict[str, str]
    qr: QrView
    checkout_url: str | None
    live_url: str | None
    claim: ClaimView | None
    paid: PaidView | None
    next_action: NextActionView | None = None
    """What the payer has to do for the processor; for the payer only."""
    return_url: str | None
    checkout_may_cancel: bool | UnsetType = UNSET
    """Whether the checkout screen may cancel; for merchants and auditors only."""
    at: int | UnsetType = UNSET
    """The position at which it stood like this, if that was asked for."""


class PublicSessionView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The public part of a session. The session's token adds the fields from `order_id` on."""

    object: Literal["payment_session"]
    id: SessionId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    status: SessionStatus
    version: int
    merchant: PayeeView
    amount: MoneyView
    description: str
    created_at: Time
    expires_at: Time
    expires_in_seconds: int
    server_time: Time
    paid_at: Time | None
    attempt: PayerAttemptView | UnsetType = UNSET
    """The latest attempt to pay through a processor, if there was one."""
    notice: NoticeName | UnsetType = UNSET
    """What the payer must be told beside the status."""
    order_id: str | UnsetType = UNSET
    return_url: str | UnsetType | None = UNSET
    checkout_may_cancel: bool | UnsetType = UNSET
    refunded_minor: int | UnsetType = UNSET
    flags: list[str] | UnsetType = UNSET
    lease_until: Time | UnsetType = UNSET
    """Until when no other wallet can claim the session, if one has claimed it. Once it has passed,
    the claim is good until another wallet takes over."""
    paid_through: str | UnsetType = UNSET
    """`wallet`, or the processor that took the payment; only if it is paid."""
    next_action: NextActionView | UnsetType | None = UNSET
    """What the payer has to do for the processor; null if nothing."""


SessionSource = PaymentSession | SessionRow
"""The source of a session's view: the aggregate, or a row of the read model."""


class _ConstantFields(NamedTuple):
    """The fields that are the same in every view of a session."""

    id: str
    created_at: str
    expires_at: str
    qr: QrView
    checkout_url: str
    live_url: str


class SessionViews:
    """Makes the views of sessions, with the URLs of this installation and the tokens in them."""

    def __init__(self, config: ApiConfig, tokens: Tokens) -> None:
        self._config = config
        self._tokens = tokens
        self._constant_fields = lru_cache(CACHED_SESSIONS_MAX)(self._make_constant_fields)

    def view(
        self,
        session: SessionSource,
        *,
        position: int,
        now: datetime,
        identity: Identity,
        scanned: bool = False,
        next_action: NextActionView | None = None,
    ) -> SessionView:
        """The session as a key holder may see it.

        Args:
            session: the state to present.
            position: the log's position of that state.
            now: the ledger's time of the response; determines whether the session has expired.
            identity: the caller. Wallets see only their own claims and payments; only merchants
                get the URL of the checkout screen, which may cancel.
            scanned: adds `served_at`.
            next_action: what the caller has to do, if it is the payer.
        """
        constant = self._constant_fields(session.id, session.created_on, session.expires_at)
        status = session.status_at(now)
        claim = session.claim if status is Status.SCANNED else None
        if claim and not identity.owns(claim.wallet_app_id, claim.wallet_id):
            claim = None
        payment = session.payment
        if payment and not identity.owns(payment.wallet_app_id, payment.wallet_id):
            payment = None
        seller = identity.role in _SEE_FEES
        return SessionView(
            id=constant.id,
            livemode=self._config.livemode,
            status=status.value,
            version=session.version,
            position=position,
            flags=session_flags(session),
            merchant=MerchantView(session.merchant_id, session.merchant_name),
            order_id=session.order_id,
            amount=money_view(session.amount),
            fee=_fee_view(session) if seller else UNSET,
            refunded_minor=session.refunded_minor,
            description=session.description,
            created_at=constant.created_at,
            expires_at=constant.expires_at,
            expires_in_seconds=session.expires_in_seconds,
            server_time=times.to_text(now),
            served_at=times.to_text(now) if scanned else UNSET,
            metadata=dict(session.metadata),
            qr=constant.qr,
            checkout_url=constant.checkout_url if identity.role is CallerRole.MERCHANT else None,
            live_url=constant.live_url,
            claim=ClaimView(claim.id, claim.wallet_id, times.to_text(claim.lease_until))
            if claim
            else None,
            paid=_paid_view(payment, session.amount) if payment else None,
            next_action=next_action,
            return_url=session.return_url,
            checkout_may_cancel=session.checkout_may_cancel if seller else UNSET,
        )

    def listed(
        self, session: SessionSource, *, position: int, now: datetime, identity: Identity
    ) -> SessionView:
        """The session in a list: without the addresses that hold tokens."""
        view = self.view(session, position=position, now=now, identity=identity)
        return structs.replace(view, checkout_url=None, live_url=None)

    def for_notice(self, session: PaymentSession, position: int, now: datetime) -> SessionView:
        """The session as its merchant sees it, without the addresses that hold tokens."""
        merchant = Identity(CallerRole.MERCHANT, session.merchant_id, "")
        return self.listed(shown(session), position=position, now=now, identity=merchant)

    def _make_constant_fields(
        self, session: UUID, created_on: datetime, expires_at: datetime
    ) -> _ConstantFields:
        origin, session_id = self._config.public_url, ids.encode("ps", session)
        image_url = f"{origin}/v1/payment-sessions/{session_id}/qr"
        checkout_token, live_token = (
            self._tokens.for_session(use, session, expires_at) for use in (Use.CHECKOUT, Use.LIVE)
        )
        return _ConstantFields(
            id=session_id,
            created_at=times.to_text(created_on),
            expires_at=times.to_text(expires_at),
            qr=QrView(
                dynamic_url.build(origin, session),
                f"{image_url}.svg",
                f"{image_url}.png",
                f"{image_url}.txt",
            ),
            checkout_url=f"{origin}/checkout/{session_id}?token={checkout_token}",
            live_url=f"{self._config.live_public_url}/live?session={session_id}&token={live_token}",
        )


def public_session_view(
    session: PaymentSession,
    now: datetime,
    *,
    livemode: bool,
    with_token: bool = False,
    next_action: NextActionView | UnsetType | None = UNSET,
) -> PublicSessionView:
    """The part of a session that its id gives access to, or its token (`with_token`).

    `next_action` is for the checkout screen only: neither for the live socket nor for lists.
    """
    notice, status = notice_of(session, now), session.status_at(now)
    attempt = next(reversed(list(session.attempts.values())), None)
    claim = session.claim if status is Status.SCANNED and with_token else None
    return PublicSessionView(
        object="payment_session",
        id=ids.encode("ps", session.id),
        livemode=livemode,
        status=status.value,
        version=session.version,
        merchant=PayeeView(session.merchant_name),
        amount=money_view(session.amount),
        description=session.description,
        created_at=times.to_text(session.created_on),
        expires_at=times.to_text(session.expires_at),
        expires_in_seconds=session.expires_in_seconds,
        server_time=times.to_text(now),
        paid_at=times.to_text(session.payment.paid_at) if session.payment else None,
        attempt=payer_attempt_view(attempt) if attempt else UNSET,
        notice=notice.value if notice else UNSET,
        order_id=session.order_id if with_token else UNSET,
        return_url=session.return_url if with_token else UNSET,
        checkout_may_cancel=session.checkout_may_cancel if with_token else UNSET,
        refunded_minor=session.refunded_minor if with_token else UNSET,
        flags=session_flags(session) if with_token else UNSET,
        lease_until=times.to_text(claim.lease_until) if claim else UNSET,
        paid_through=paid_through(session) or UNSET if with_token else UNSET,
        next_action=next_action,
    )


def paid_through(session: PaymentSession) -> str:
    """`wallet`, or the processor that took the payment; empty if the session is not paid."""
    payment = session.payment
    if payment is None:
        return ""
    attempt = session.attempts.get(payment.attempt_id or "")
    return attempt.processor if attempt else "wallet"


def session_etag(session: SessionSource, now: datetime) -> str:
    """The session's version and status: the ETag also changes when the session expires."""
    return f'"{session.version}-{session.status_at(now).value}"'


def session_flags(session: SessionSource) -> list[str]:
    """What is to be known of a session beside its status."""
    flags = []
    if session.refunded_minor:
        whole = session.refunded_minor == session.amount.minor
        flags.append(REFUND_FLAGS[0] if whole else REFUND_FLAGS[1])
    if session.disputed_minor:
        flags.append("disputed")
    in_flight = session.status == Status.PROCESSING
    return [*flags, *(one for one in session.flags if one != Flag.UNRESOLVED or in_flight)]


_SEE_FEES: Final = frozenset({CallerRole.MERCHANT, CallerRole.AUDITOR})


def _fee_view(session: SessionSource) -> MoneyView:
    return money_view(Money(session.fee_minor, session.amount.currency))


def _paid_view(payment: Payment, amount: Money) -> PaidView:
    return PaidView(
        paid_at=times.to_text(payment.paid_at),
        amount=money_view(amount),
        funding=payment.funding.value,
        wallet_id=payment.wallet_id,
        claim_id=payment.claim_id,
        attempt_id=payment.attempt_id,
        payer_amount=money_view(Money(payment.payer_amount.minor, payment.payer_amount.currency)),
        quote_id=payment.quote_id,
    )
