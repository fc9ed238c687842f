"""Messages of the generic PSP protocol (docs/howto/connect-a-psp.md); the sandbox has them too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from application.ports.processor import (
    CALLBACK_BYTES_MAX,
    KEY_CHARS_MAX,
    NOTICE_ID_CHARS_MAX,
    REASON_CHARS_MAX,
    REFERENCE_CHARS_MAX,
    WITH_AMOUNT,
    Answer,
    Irrelevant,
    Malformed,
    Notice,
    State,
    Subject,
)
from domain import times
from domain.errors import LedgerError
from domain.money.money import Money, check_amount
from infrastructure.processors import signatures
from infrastructure.processors.checks import is_payment_url

_REASON: Final = re.compile(f"[a-z0-9_.-]{{0,{REASON_CHARS_MAX}}}", re.ASCII)
_PRINTABLE: Final = re.compile("[!-~]*", re.ASCII)
"""Visible ASCII: references and keys are names, not texts."""
_KNOWN: Final = frozenset(one.value for one in State)
_STATES: Final = {
    Subject.CHARGE: {
        State.PROCESSING,
        State.AUTHORISED,
        State.CAPTURED,
        State.DECLINED,
        State.VOIDED,
        State.NOT_FOUND,
    },
    Subject.REFUND: {State.PROCESSING, State.REFUNDED, State.DECLINED, State.NOT_FOUND},
    Subject.DISPUTE: {State.DISPUTE_OPENED, State.DISPUTE_WON, State.DISPUTE_LOST},
}


class Amount(msgspec.Struct, frozen=True):
    """Minor units of ISO 4217: whole numbers, no floats and no texts."""

    minor: int
    currency: str


class Standing(msgspec.Struct, frozen=True):
    """How a charge or a refund stands."""

    status: str
    reference: str = ""
    amount: Amount | None = None
    reason: str = ""
    payment_url: str = ""


class Callback(msgspec.Struct, frozen=True):
    """What a PSP posts when something has changed."""

    id: str
    subject: str
    key: str
    status: str
    at: str
    reference: str = ""
    charge_reference: str = ""
    amount: Amount | None = None
    reason: str = ""


def encode_amount(amount: Money) -> dict[str, Any]:
    """An amount as the protocol writes it."""
    return {"minor": amount.minor, "currency": amount.currency}


def read_standing(body: bytes, subject: Subject) -> Answer:
    """The answer to a request.

    Raises:
        Malformed: not JSON, a missing or malformed member, or a state that cannot be.
    """
    try:
        standing = msgspec.json.decode(body, type=Standing)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"the answer is malformed: {_reason(error)}"
        raise Malformed(msg) from None
    if standing.status not in _KNOWN:
        msg = "the status is none of the protocol"
        raise Malformed(msg)
    if standing.payment_url and not is_payment_url(standing.payment_url):
        msg = "the address of the payment page is not https"
        raise Malformed(msg)
    return _answer(
        subject,
        State(standing.status),
        reference=standing.reference,
        amount=standing.amount,
        reason=standing.reason,
        redirect_url=standing.payment_url,
    )


def read_callback(
    secret: bytes, path: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> Notice:
    """See `Processor.read_callback`; `path` is where the callback was sent to."""
    signatures.verify(secret, headers, method="POST", path=path, body=body, now=now)
    if len(body) > CALLBACK_BYTES_MAX:
        msg = f"more than {CALLBACK_BYTES_MAX} bytes"
        raise Malformed(msg)
    try:
        callback = msgspec.json.decode(body, type=Callback)
        at = times.from_text(callback.at)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, LedgerError) as error:
        msg = f"the callback is malformed: {_reason(error)}"
        raise Malformed(msg) from None
    _check_name("id", callback.id, NOTICE_ID_CHARS_MAX, required=True)
    _check_name("key", callback.key, KEY_CHARS_MAX, required=True)
    _check_name("charge_reference", callback.charge_reference, REFERENCE_CHARS_MAX)
    if callback.subject not in {one.value for one in Subject}:
        msg = "the subject is not one that the ledger follows"
        raise Irrelevant(msg)
    if callback.status not in _KNOWN:
        msg = "the status is not one that the ledger follows"
        raise Irrelevant(msg)
    subject = Subject(callback.subject)
    answer = _answer(
        subject,
        State(callback.status),
        reference=callback.reference,
        amount=callback.amount,
        reason=callback.reason,
    )
    reference = callback.charge_reference or (
        callback.reference if subject is Subject.CHARGE else ""
    )
    return Notice(
        id=callback.id,
        subject=subject,
        key=callback.key,
        charge_reference=reference,
        answer=answer,
        at=at,
    )


def _answer(
    subject: Subject,
    state: State,
    *,
    reference: str,
    amount: Amount | None,
    reason: str,
    redirect_url: str = "",
) -> Answer:
    if state not in _STATES[subject]:
        msg = f"a {subject} cannot be {state}"
        raise Malformed(msg)
    _check_name("reference", reference, REFERENCE_CHARS_MAX)
    if not _REASON.fullmatch(reason):
        msg = "the reason is not a code"
        raise Malformed(msg)
    if amount is None and state in WITH_AMOUNT:
        msg = "the amount is missing"
        raise Malformed(msg)
    try:
        money = check_amount(amount.minor, amount.currency) if amount else None
    except LedgerError:
        msg = "the amount is not one"
        raise Malformed(msg) from None
    return Answer(
        state=state, reference=reference, amount=money, reason=reason, redirect_url=redirect_url
    )


def _check_name(name: str, value: str, chars_max: int, *, required: bool = False) -> None:
    if len(value) > chars_max or not _PRINTABLE.fullmatch(value) or (required and not value):
        msg = f"{name} is not a name of 1 to {chars_max} visible ASCII characters"
        raise Malformed(msg)


def _reason(error: Exception) -> str:
    """What is wrong and where, without quoting the message."""
    return str(error) if isinstance(error, msgspec.ValidationError) else "not JSON"
