"""Stripe's objects, read strictly: what is not as documented is no answer and no callback."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from application.ports.processor import (
    CALLBACK_BYTES_MAX,
    CALLBACK_SECONDS_MAX,
    NOTICE_ID_CHARS_MAX,
    REASON_CHARS_MAX,
    Answer,
    BadSignature,
    Irrelevant,
    Malformed,
    Notice,
    State,
    Subject,
)
from infrastructure.processors.checks import is_payment_url
from infrastructure.processors.stripe_currencies import from_stripe

METADATA_KEY: Final = "qrledger_key"
"""Where our key is kept on Stripe's objects."""
SIGNATURE: Final = "stripe-signature"
SIGNATURE_CHARS_MAX: Final = 1000
SIGNATURES_MAX: Final = 8
_ID: Final = re.compile(r"[a-z]{2,12}_[A-Za-z0-9_]{1,100}", re.ASCII)
_CODE: Final = re.compile(f"[a-z0-9_]{{1,{REASON_CHARS_MAX}}}", re.ASCII)
_CHARGE_EVENTS: Final = frozenset(
    f"payment_intent.{word}"
    for word in (
        "amount_capturable_updated",
        "canceled",
        "payment_failed",
        "processing",
        "requires_action",
        "succeeded",
    )
)
_REFUND_EVENTS: Final = frozenset({"refund.created", "refund.updated", "refund.failed"})
_DISPUTE_EVENTS: Final = frozenset({"charge.dispute.created", "charge.dispute.closed"})
_PLAIN: Final = {
    "processing": State.PROCESSING,
    "requires_confirmation": State.CONFIRMABLE,
    "canceled": State.VOIDED,
}
_DISPUTES: Final = {
    "needs_response": State.DISPUTE_OPENED,
    "under_review": State.DISPUTE_OPENED,
    "won": State.DISPUTE_WON,
    "lost": State.DISPUTE_LOST,
}
"""Inquiries (`warning_…`) move no money."""


class Failure(msgspec.Struct, frozen=True):
    """Why a payment failed. Stripe's sentence is not read: it may name the payer."""

    code: str | None = None
    decline_code: str | None = None


class Redirect(msgspec.Struct, frozen=True):
    """Where the payer has to go."""

    url: str | None = None


class NextAction(msgspec.Struct, frozen=True):
    """What the payer has to do."""

    type: str
    redirect_to_url: Redirect | None = None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A PaymentIntent."""

    id: str
    status: str
    amount: int
    currency: str
    livemode: bool
    amount_received: int = 0
    amount_capturable: int = 0
    metadata: dict[str, str] = {}
    next_action: NextAction | None = None
    last_payment_error: Failure | None = None

    @property
    def key(self) -> str:
        """Our key; empty if the ledger has not made it."""
        return self.metadata.get(METADATA_KEY, "")


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A Refund."""

    id: str
    amount: int
    currency: str
    status: str | None = None
    payment_intent: str | None = None
    failure_reason: str | None = None
    metadata: dict[str, str] = {}

    @property
    def key(self) -> str:
        """Our key; empty if the ledger has not made it."""
        return self.metadata.get(METADATA_KEY, "")


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """A Dispute."""

    id: str
    amount: int
    currency: str
    status: str
    payment_intent: str | None = None
    reason: str = ""


class EventData(msgspec.Struct, frozen=True):
    """The object of an event, as it was then."""

    object: msgspec.Raw


class Event(msgspec.Struct, frozen=True):
    """An Event."""

    id: str
    type: str
    created: int
    livemode: bool
    data: EventData


def answer_of_intent(intent: Intent) -> Answer:
    """How a charge stands.

    Raises:
        ValueError: not as documented.
    """
    _check_id(intent.id)
    reference = intent.id
    match intent.status:
        case "succeeded":
            taken = from_stripe(intent.amount_received, intent.currency)
            return Answer(state=State.CAPTURED, reference=reference, amount=taken)
        case "requires_capture":
            held = from_stripe(intent.amount_capturable, intent.currency)
            return Answer(state=State.AUTHORISED, reference=reference, amount=held)
        case "requires_action":
            url = _redirect_url(intent.next_action)
            return Answer(state=State.PROCESSING, reference=reference, redirect_url=url)
        case "requires_payment_method":
            failure = intent.last_payment_error or Failure(code="payment_method_required")
            reason = code(failure.decline_code or failure.code)
            return Answer(state=State.DECLINED, reference=reference, reason=reason)
    if intent.status in _PLAIN:
        return Answer(state=_PLAIN[intent.status], reference=reference)
    msg = "a PaymentIntent in a status that is not documented"
    raise ValueError(msg)


def answer_of_refund(refund: Refund) -> Answer:
    """How a refund stands.

    Raises:
        ValueError: not as documented.
    """
    _check_id(refund.id)
    match refund.status:
        case "succeeded":
            given = from_stripe(refund.amount, refund.currency)
            return Answer(state=State.REFUNDED, reference=refund.id, amount=given)
        case "pending" | "requires_action":
            return Answer(state=State.PROCESSING, reference=refund.id)
        case "failed" | "canceled":
            reason = code(refund.failure_reason or refund.status)
            return Answer(state=State.DECLINED, reference=refund.id, reason=reason)
    msg = "a Refund in a status that is not documented"
    raise ValueError(msg)


def read_callback(
    secret: str, headers: Mapping[str, str], body: bytes, now: datetime, *, livemode: bool
) -> Notice:
    """See `Processor.read_callback`."""
    _verify(secret, headers.get(SIGNATURE, ""), body, now)
    if len(body) > CALLBACK_BYTES_MAX:
        msg = f"more than {CALLBACK_BYTES_MAX} bytes"
        raise Malformed(msg)
    try:
        return _notice(msgspec.json.decode(body, type=Event), livemode=livemode)
    except (msgspec.DecodeError, ValueError, OverflowError, OSError):
        msg = "not an event of Stripe as it is documented"
        raise Malformed(msg) from None


def code(text: str | None) -> str:
    """A code of Stripe; `declined` for what is none."""
    return text if text and _CODE.fullmatch(text) else "declined"


def _notice(event: Event, *, livemode: bool) -> Notice:
    if event.livemode != livemode:
        msg = "an event of the other mode"
        raise Irrelevant(msg)
    if len(event.id) > NOTICE_ID_CHARS_MAX:
        msg = "the id is too long"
        raise ValueError(msg)
    _check_id(event.id)
    at = datetime.fromtimestamp(event.created, UTC)
    decode, raw = msgspec.json.decode, event.data.object
    if event.type in _CHARGE_EVENTS:
        intent = decode(raw, type=Intent)
        return Notice(
            id=event.id,
            subject=Subject.CHARGE,
            key=_ours(intent.key),
            charge_reference=intent.id,
            answer=answer_of_intent(intent),
            at=at,
        )
    if event.type in _REFUND_EVENTS:
        refund = decode(raw, type=Refund)
        return Notice(
            id=event.id,
            subject=Subject.REFUND,
            key=_ours(refund.key),
            charge_reference=refund.payment_intent or "",
            answer=answer_of_refund(refund),
            at=at,
        )
    if event.type in _DISPUTE_EVENTS:
        dispute = decode(raw, type=Dispute)
        state = _DISPUTES.get(dispute.status)
        if state is not None and dispute.payment_intent:
            _check_id(dispute.id)
            _check_id(dispute.payment_intent)
            disputed = from_stripe(dispute.amount, dispute.currency)
            reason = code(dispute.reason) if dispute.reason else ""
            answer = Answer(state=state, reference=dispute.id, amount=disputed, reason=reason)
            return Notice(
                id=event.id,
                subject=Subject.DISPUTE,
                key="",
                charge_reference=dispute.payment_intent,
                answer=answer,
                at=at,
            )
    msg = "an event that the ledger does not follow"
    raise Irrelevant(msg)


def _verify(secret: str, header: str, body: bytes, now: datetime) -> None:
    """Check the signature over the bytes as they came, and its time on both sides of now.

    The SDK's own check accepts any time to come, and only text.

    Raises:
        BadSignature: see there.
    """
    parts = [part.partition("=") for part in header[:SIGNATURE_CHARS_MAX].split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"][:SIGNATURES_MAX]
    timestamp = times[0] if len(times) == 1 else ""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= len("9999999999")):
        msg = "the signature is missing or malformed"
        raise BadSignature(msg)
    mac = hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex().encode()
    equal = [hmac.compare_digest(mac, one.encode("utf-8", "replace")) for one in signatures]
    if not any(equal):
        msg = "the signature is not Stripe's"
        raise BadSignature(msg)
    if abs(int(now.timestamp()) - int(timestamp)) > CALLBACK_SECONDS_MAX:
        msg = f"signed more than {CALLBACK_SECONDS_MAX} s ago or ahead"
        raise BadSignature(msg)


def _ours(key: str) -> str:
    if not key:
        msg = "not made by the ledger"
        raise Irrelevant(msg)
    return key


def _redirect_url(action: NextAction | None) -> str:
    """The address of a redirect.

    Raises:
        ValueError: another action, or an address that a payer must not be sent to.
    """
    redirect = action.redirect_to_url if action is not None else None
    if redirect is None or redirect.url is None or not is_payment_url(redirect.url):
        msg = "the payer is asked for something that is not a redirect"
        raise ValueError(msg)
    return redirect.url


def _check_id(text: str) -> None:
    if not _ID.fullmatch(text):
        msg = "not an id of Stripe"
        raise ValueError(msg)


def plain(stripe_object: Any) -> Any:
    """An object of the SDK as plain values."""
    return stripe_object.to_dict()
