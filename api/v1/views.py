"""What answers look like: structs for the schema, functions that fill them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from api import money
from api.context import ApiConfig
from api.http.authentication import Caller, Identity
from api.http.parsing import id_text
from api.tokens import Tokens, Use
from application.event_log import Recorded
from domain import ids, text, times
from domain.money.money import Money
from domain.qr import dynamic_url
from domain.sessions.state import Claim, Payment, Status
from domain.wallets.wallet import Wallet

REMEMBERED_MAX: Final = 4096
"""Sessions whose unchanging part is kept: it is shown at least three times in a life."""
Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
SessionStatus = Literal[
    "created", "scanned", "processing", "paid", "expired", "cancelled", "failed"
]


class MoneyView(Struct, frozen=True):
    """An amount: minor units, and how people read it."""

    minor: int
    currency: str
    exponent: int
    display: str


class MerchantView(Struct, frozen=True):
    """The payee."""

    id: id_text("mer")  # type: ignore[valid-type]
    name: str


class PayeeView(Struct, frozen=True):
    """The payee, as anybody may see it."""

    name: str


class QrView(Struct, frozen=True):
    """The code: its text and its pictures."""

    payload: str
    svg_url: str
    png_url: str
    txt_url: str


class ClaimView(Struct, frozen=True):
    """A wallet's lease on the session."""

    id: id_text("clm")  # type: ignore[valid-type]
    wallet_id: id_text("wal")  # type: ignore[valid-type]
    lease_until: Time


class PaidView(Struct, frozen=True):
    """Who paid, and when."""

    paid_at: Time
    wallet_id: id_text("wal")  # type: ignore[valid-type]
    claim_id: id_text("clm")  # type: ignore[valid-type]
    amount: MoneyView


class SessionView(Struct, frozen=True, kw_only=True):
    """A payment session, as key holders see it."""

    object: Literal["payment_session"] = "payment_session"
    id: id_text("ps")  # type: ignore[valid-type]
    status: SessionStatus
    version: int
    position: int
    flags: list[str]
    merchant: MerchantView
    order_id: str
    amount: MoneyView
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
    live_url: str
    claim: ClaimView | None
    paid: PaidView | None
    return_url: str | None


class PublicSessionView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The public part of a session; with its token, the order and the way back to the shop too."""

    object: Literal["payment_session"]
    id: id_text("ps")  # type: ignore[valid-type]
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
    order_id: str | UnsetType = UNSET
    return_url: str | UnsetType | None = UNSET
    checkout_may_cancel: bool | UnsetType = UNSET


class WalletView(Struct, frozen=True, kw_only=True):
    """A wallet and what it holds."""

    object: Literal["wallet"] = "wallet"
    id: id_text("wal")  # type: ignore[valid-type]
    currency: str
    available: MoneyView
    held: MoneyView
    version: int
    position: int


class WalletPaymentView(Struct, frozen=True, kw_only=True):
    """One payment a wallet made."""

    session_id: id_text("ps")  # type: ignore[valid-type]
    merchant: MerchantView
    amount: MoneyView
    paid_at: Time
    position: int


class EventView(Struct, frozen=True, kw_only=True):
    """One event of the log."""

    id: id_text("evt")  # type: ignore[valid-type]
    position: int
    type: str
    subject: str
    version: int
    recorded_at: Time
    schema_version: int
    command_id: str
    actor: str
    trace_id: str
    data: dict[str, Any]


class SessionFacts(Protocol):
    """What a session's answer is made of: an aggregate and a read model's row both have it."""

    merchant_id: str
    merchant_name: str
    order_id: str
    amount: Money
    description: str
    expires_at: datetime
    expires_in_seconds: int
    return_url: str | None
    metadata: Mapping[str, str]
    checkout_may_cancel: bool
    claim: Claim | None
    payment: Payment | None

    @property
    def id(self) -> UUID:
        """The session's stream."""
        ...

    @property
    def version(self) -> int:
        """The session's version."""
        ...

    @property
    def created_on(self) -> datetime:
        """When it was created."""
        ...

    def status_at(self, at: datetime) -> Status:
        """The status as it reads at an instant."""
        ...


def money_view(amount: Money) -> MoneyView:
    """An amount with its decimals and its text."""
    return MoneyView(amount.minor, amount.currency, amount.exponent, money.display(amount))


class _Fixed(NamedTuple):
    """What never changes in a session's answers."""

    id: str
    created_at: str
    expires_at: str
    qr: QrView
    checkout_url: str
    live_url: str


class Views:
    """Fills the structs; knows our addresses and mints the tokens in them."""

    def __init__(self, config: ApiConfig, tokens: Tokens) -> None:
        self._config = config
        self._tokens = tokens
        self._fixed = lru_cache(REMEMBERED_MAX)(self._make_fixed)

    def session(
        self,
        session: SessionFacts,
        *,
        position: int,
        now: datetime,
        identity: Identity,
        scanned: bool = False,
    ) -> SessionView:
        """The session as a key holder may see it: a wallet's claim and payment are its own.

        Args:
            session: the state to show.
            position: the log's position that goes with it.
            now: the ledger's time at which it is shown; decides whether it reads as expired.
            identity: the caller; a merchant also gets the URL of the checkout screen, which may
                cancel.
            scanned: adds `served_at`.
        """
        fixed = self._fixed(session.id, session.created_on, session.expires_at)
        status = session.status_at(now)
        claim = session.claim if status is Status.SCANNED else None
        if claim and not identity.owns(claim.wallet_app_id, claim.wallet_id):
            claim = None
        paid = session.payment
        if paid and not identity.owns(paid.wallet_app_id, paid.wallet_id):
            paid = None
        return SessionView(
            id=fixed.id,
            status=status.value,
            version=session.version,
            position=position,
            flags=[],
            merchant=MerchantView(session.merchant_id, session.merchant_name),
            order_id=session.order_id,
            amount=money_view(session.amount),
            refunded_minor=0,
            description=session.description,
            created_at=fixed.created_at,
            expires_at=fixed.expires_at,
            expires_in_seconds=session.expires_in_seconds,
            server_time=times.to_text(now),
            served_at=times.to_text(now) if scanned else UNSET,
            metadata=dict(session.metadata),
            qr=fixed.qr,
            checkout_url=fixed.checkout_url if identity.caller is Caller.MERCHANT else None,
            live_url=fixed.live_url,
            claim=ClaimView(claim.id, claim.wallet_id, times.to_text(claim.lease_until))
            if claim
            else None,
            paid=_paid(paid, session.amount) if paid else None,
            return_url=session.return_url,
        )

    def _make_fixed(self, session: UUID, created_on: datetime, expires_at: datetime) -> _Fixed:
        public, session_id = self._config.public_url, ids.encode("ps", session)
        pictures = f"{public}/v1/payment-sessions/{session_id}/qr"
        checkout, live = (
            self._tokens.for_session(use, session, expires_at) for use in (Use.CHECKOUT, Use.LIVE)
        )
        return _Fixed(
            id=session_id,
            created_at=times.to_text(created_on),
            expires_at=times.to_text(expires_at),
            qr=QrView(
                dynamic_url.build(public, session),
                f"{pictures}.svg",
                f"{pictures}.png",
                f"{pictures}.txt",
            ),
            checkout_url=f"{public}/checkout/{session_id}?token={checkout}",
            live_url=f"{self._config.live_public_url}/live?session={session_id}&token={live}",
        )

    def wallet(self, wallet: Wallet, position: int) -> WalletView:
        """A wallet as its app sees it."""
        return WalletView(
            id=wallet.public_id,
            currency=wallet.currency,
            available=money_view(wallet.available),
            held=money_view(wallet.held),
            version=wallet.version,
            position=position,
        )


def public_session(
    session: SessionFacts, now: datetime, *, with_token: bool = False
) -> PublicSessionView:
    """The part of a session that its id alone may show; its token shows a little more."""
    return PublicSessionView(
        object="payment_session",
        id=ids.encode("ps", session.id),
        status=session.status_at(now).value,
        version=session.version,
        merchant=PayeeView(session.merchant_name),
        amount=money_view(session.amount),
        description=session.description,
        created_at=times.to_text(session.created_on),
        expires_at=times.to_text(session.expires_at),
        expires_in_seconds=session.expires_in_seconds,
        server_time=times.to_text(now),
        paid_at=times.to_text(session.payment.paid_at) if session.payment else None,
        order_id=session.order_id if with_token else UNSET,
        return_url=session.return_url if with_token else UNSET,
        checkout_may_cancel=session.checkout_may_cancel if with_token else UNSET,
    )


def etag(session: SessionFacts, now: datetime) -> str:
    """The session's version and shown status: expiring by time makes a new one."""
    return f'"{session.version}-{session.status_at(now).value}"'


SUBJECTS: Final = {
    "payment_session": "ps",
    "order": "ord",
    "wallet": "wal",
    "merchant": "mer",
    "wallet_app": "app",
    "key": "key",
    "clock": "clk",
    "key_ring": "kr",
    "top_up_reference": "tur",
}
"""What an event is about, by the first word of its type, and the prefix of such ids."""


def event_view(recorded: Recorded) -> EventView:
    """An event as auditors read it: the envelope beside the payload as it was stored."""
    data = msgspec.json.decode(text.replace_lone_surrogates(recorded.state))
    data.pop("originator_topic", None)
    data.pop("class_version", None)
    prefix = SUBJECTS.get(recorded.topic.partition(".")[0])  # none: a later version's event
    return EventView(
        id=ids.encode("evt", recorded.event_id),
        position=recorded.position,
        type=recorded.topic,
        subject=ids.encode(prefix, recorded.stream_id) if prefix else str(recorded.stream_id),
        version=recorded.version,
        recorded_at=times.to_text(recorded.recorded_at),
        schema_version=recorded.schema_version,
        command_id=str(recorded.command_id),
        actor=recorded.actor,
        trace_id=recorded.trace_id,
        data=data,
    )


def _paid(payment: Payment, amount: Money) -> PaidView:
    return PaidView(
        paid_at=times.to_text(payment.paid_at),
        wallet_id=payment.wallet_id,
        claim_id=payment.claim_id,
        amount=money_view(amount),
    )
