"""PayNow: Singapore's instant payments as an EMVCo code (SGQR specifications)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from domain.qr import emv_mpm, tlv
from domain.qr.emv_code import EmvCode, Initiation, Template
from domain.qr.errors import Cause, InvalidQr

GUID: Final = "SG.PAYNOW"
ACCOUNT: Final = "26"
REFERENCE_CHARS_MAX: Final = 25
_DAY_CHARS: Final = 8


class ProxyKind(StrEnum):
    """What identifies the payee."""

    MOBILE = "0"
    """With its country code, such as `+6591234567`."""
    COMPANY = "2"
    """A unique entity number (UEN), which may have a suffix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayNowCode:
    """The values of a PayNow code."""

    kind: ProxyKind
    proxy: str
    name: str
    city: str = "Singapore"
    amount_minor: int | None = None
    """In cents; None: the payer enters it."""
    amount_editable: bool = True
    """Whether the payer may change the amount."""
    expires_on: date | None = None
    """The last day on which the code may be paid."""
    reference: str = ""
    """The bill, at most 25 characters."""


def parse(text: str) -> PayNowCode:
    """The values of a PayNow code.

    Raises (checked in this order):
        InvalidQr: not an EMVCo code; not one of PayNow; a part of the account is invalid.
    """
    code = emv_mpm.parse(text)
    found = ((key, one) for key, one in code.accounts.items() if _is_paynow(one))
    account_id, account = next(found, ("", None))
    if not isinstance(account, Template) or code.currency != "SGD":
        reason = "it is not a PayNow code"
        raise InvalidQr(cause=Cause.OTHER_PAYMENT_SYSTEM, reason=reason, offset=0)
    offset = tlv.offset_of(text, account_id)
    kind, proxy, editable, day = (account.objects.get(one, "") for one in ("01", "02", "03", "04"))
    if kind not in {"0", "2"} or not proxy or editable not in {"0", "1"}:
        reason = "its PayNow account is not valid"
        raise InvalidQr(cause=Cause.INVALID_OBJECT, reason=reason, offset=offset)
    return PayNowCode(
        kind=ProxyKind(kind),
        proxy=proxy,
        name=code.name,
        city=code.city,
        amount_minor=code.amount_minor,
        amount_editable=editable == "1",
        expires_on=_day(day, offset) if day else None,
        reference=code.additional.get("01", ""),
    )


def build(code: PayNowCode) -> str:
    """The text of a PayNow code.

    Raises:
        ValueError: a value is missing, too long or invalid.
    """
    if not code.proxy:
        msg = "a PayNow code names its payee"
        raise ValueError(msg)
    account = {
        "01": code.kind.value,
        "02": code.proxy,
        "03": "1" if code.amount_editable else "0",
        "04": code.expires_on.isoformat().replace("-", "") if code.expires_on else "",
    }
    printed = code.amount_minor is None
    return emv_mpm.build(
        EmvCode(
            accounts={ACCOUNT: Template(GUID, {k: v for k, v in account.items() if v})},
            currency="SGD",
            country="SG",
            name=code.name,
            city=code.city,
            initiation=Initiation.STATIC if printed else Initiation.DYNAMIC,
            amount_minor=code.amount_minor,
            additional={"01": code.reference} if code.reference else {},
        )
    )


def _day(text: str, offset: int) -> date:
    """A day written as `YYYYMMDD`; `offset` is its account's."""
    try:
        if len(text) == _DAY_CHARS and text.isascii() and text.isdigit():
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        pass
    reason = "its expiry is not a day"
    raise InvalidQr(cause=Cause.INVALID_OBJECT, reason=reason, offset=offset)


def _is_paynow(account: object) -> bool:
    return isinstance(account, Template) and account.guid == GUID
