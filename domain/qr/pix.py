"""Pix BR Code: Brazil's instant payments as an EMVCo code (Banco Central do Brasil, BR Code).

A static code names a Pix key. A dynamic one names an address, without its scheme, that answers with
a signed offer. Money that comes in by Pix is not the ledger's; this is a codec.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from domain.qr import emv_mpm, tlv
from domain.qr.emv_code import EmvCode, Initiation, Template
from domain.qr.errors import Cause, InvalidQr

GUID: Final = "br.gov.bcb.pix"
ACCOUNT: Final = "26"
RECURRENCE: Final = "80"
NO_TXID: Final = "***"
"""In place of a transaction id: dynamic codes, and static ones without."""
TXID_CHARS_MAX: Final = 25
KEY_CHARS_MAX: Final = 77
INFO_CHARS_MAX: Final = 72
URL_CHARS_MAX: Final = 77


@dataclass(frozen=True, slots=True, kw_only=True)
class PixCode:
    """The values of a BR Code: either a key or a URL."""

    key: str = ""
    """Of a static code: a phone number, tax id, e-mail address or random key."""
    info: str = ""
    """Of a static code: a text for the payer."""
    url: str = ""
    """Of a dynamic code, without `https://`."""
    recurrence_url: str = ""
    """Of a subscription, without `https://`."""
    name: str
    city: str
    amount_minor: int | None = None
    """In centavos."""
    txid: str = NO_TXID
    """1 to 25 letters and digits."""
    category: str = "0000"
    postal_code: str = ""


def parse(text: str) -> PixCode:
    """The values of a BR Code.

    Raises (checked in this order):
        InvalidQr: not an EMVCo code; not one of Pix; neither a key nor a URL, or both;
            the transaction id is not letters and digits.
    """
    code = emv_mpm.parse(text)
    found = ((key, one) for key, one in code.accounts.items() if _is_pix(one))
    account_id, account = next(found, ("", None))
    if not isinstance(account, Template) or (code.currency, code.country) != ("BRL", "BR"):
        reason = "it is not a Pix code"
        raise InvalidQr(cause=Cause.OTHER_PAYMENT_SYSTEM, reason=reason, offset=0)
    key, info, url = (account.objects.get(one, "") for one in ("01", "02", "25"))
    if bool(key) == bool(url):
        reason = "it has neither a Pix key nor an address, or both"
        offset = tlv.offset_of(text, account_id)
        raise InvalidQr(cause=Cause.INVALID_OBJECT, reason=reason, offset=offset)
    txid = code.additional.get("05", NO_TXID)
    if not _is_txid(txid):
        reason = "its transaction id is not letters and digits"
        offset = tlv.offset_of(text, "62")
        raise InvalidQr(cause=Cause.INVALID_OBJECT, reason=reason, offset=offset)
    recurrence = code.unreserved.get(RECURRENCE, Template(""))
    return PixCode(
        key=key,
        info=info,
        url=url,
        recurrence_url=recurrence.objects.get("25", "") if _is_pix(recurrence) else "",
        name=code.name,
        city=code.city,
        amount_minor=code.amount_minor,
        txid=txid,
        category=code.category,
        postal_code=code.postal_code,
    )


def build(pix: PixCode) -> str:
    """The text of a BR Code.

    Raises:
        ValueError: neither a key nor a URL, or both; a value is too long or invalid.
    """
    if bool(pix.key) == bool(pix.url):
        msg = "a Pix code has either a key or a URL"
        raise ValueError(msg)
    limits = (
        (pix.key, KEY_CHARS_MAX), (pix.info, INFO_CHARS_MAX), (pix.url, URL_CHARS_MAX),
        (pix.recurrence_url, URL_CHARS_MAX), (pix.txid, TXID_CHARS_MAX),
    )  # fmt: skip
    if any(len(value) > chars_max for value, chars_max in limits):
        msg = "a value of the Pix code is too long"
        raise ValueError(msg)
    if not _is_txid(pix.txid):
        msg = "a transaction id has letters and digits only"
        raise ValueError(msg)
    account = {"01": pix.key, "02": pix.info, "25": pix.url}
    recurrence = {RECURRENCE: Template(GUID, {"25": pix.recurrence_url})}
    return emv_mpm.build(
        EmvCode(
            accounts={ACCOUNT: Template(GUID, {k: v for k, v in account.items() if v})},
            initiation=Initiation.DYNAMIC if pix.url else None,
            currency="BRL",
            country="BR",
            name=pix.name,
            city=pix.city,
            amount_minor=pix.amount_minor,
            category=pix.category,
            postal_code=pix.postal_code,
            additional={"05": pix.txid},
            unreserved=recurrence if pix.recurrence_url else {},
        )
    )


def _is_txid(text: str) -> bool:
    return text == NO_TXID or (text.isascii() and text.isalnum())


def _is_pix(account: object) -> bool:
    return isinstance(account, Template) and account.guid.lower() == GUID
