"""PromptPay: Thailand's instant payments as an EMVCo code (Thai QR Payment Standard).

It leaves out the merchant's category, name and city.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.qr import emv_mpm, tlv
from domain.qr.emv_code import EmvCode, Initiation, Profile, Template
from domain.qr.errors import Cause, InvalidQr

GUID: Final = "A000000677010111"
ACCOUNT: Final = "29"
PROFILE: Final = Profile("PromptPay", optional=frozenset({"52", "59", "60"}))
_ORDER: Final = ("01", "29", "58", "53", "54")
_MOBILE_PREFIX: Final = "0066"


class ProxyKind(StrEnum):
    """What identifies the payee."""

    MOBILE = "01"
    TAX_ID = "02"
    E_WALLET = "03"


_DIGITS: Final = {ProxyKind.MOBILE: 13, ProxyKind.TAX_ID: 13, ProxyKind.E_WALLET: 15}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPayCode:
    """The values of a PromptPay code."""

    kind: ProxyKind
    proxy: str
    """Digits. A mobile number as `0066` and nine digits; see `mobile`."""
    amount_minor: int | None = None
    """In satang; None: the payer enters it, and the code may be printed."""


def mobile(number: str) -> str:
    """The proxy of a Thai mobile number such as `0801234567`.

    Raises:
        ValueError: not ten digits that begin with 0.
    """
    if not (number.isascii() and number.isdigit() and len(number) == 10 and number[0] == "0"):  # noqa: PLR2004
        msg = "a Thai mobile number has ten digits and begins with 0"
        raise ValueError(msg)
    return _MOBILE_PREFIX + number[1:]


def parse(text: str) -> PromptPayCode:
    """The values of a PromptPay code.

    Raises (checked in this order):
        InvalidQr: not an EMVCo code; not one of PromptPay; not exactly one payee, or an invalid
            one.
    """
    code = emv_mpm.parse(text, PROFILE)
    account = code.accounts.get(ACCOUNT)
    is_ours = isinstance(account, Template) and account.guid == GUID
    if not isinstance(account, Template) or not is_ours or code.currency != "THB":
        reason = "it is not a PromptPay code"
        raise InvalidQr(cause=Cause.OTHER_PAYMENT_SYSTEM, reason=reason, offset=0)
    proxies = [(kind, account.objects[kind]) for kind in ProxyKind if kind in account.objects]
    if len(proxies) != 1 or not _is_proxy(*proxies[0]):
        reason = "it does not name one payee"
        offset = tlv.offset_of(text, ACCOUNT)
        raise InvalidQr(cause=Cause.INVALID_OBJECT, reason=reason, offset=offset)
    [(kind, proxy)] = proxies
    return PromptPayCode(kind=kind, proxy=proxy, amount_minor=code.amount_minor)


def build(code: PromptPayCode) -> str:
    """The text of a PromptPay code.

    Raises:
        ValueError: the proxy is not digits of the right number, or the amount is out of range.
    """
    if not _is_proxy(code.kind, code.proxy):
        msg = f"a proxy of kind {code.kind.name} has {_DIGITS[code.kind]} digits"
        raise ValueError(msg)
    printed = code.amount_minor is None
    return emv_mpm.build(
        EmvCode(
            accounts={ACCOUNT: Template(GUID, {code.kind.value: code.proxy})},
            currency="THB",
            country="TH",
            category="",
            initiation=Initiation.STATIC if printed else Initiation.DYNAMIC,
            amount_minor=code.amount_minor,
            order=_ORDER,
        ),
        PROFILE,
    )


def _is_proxy(kind: ProxyKind, proxy: str) -> bool:
    return proxy.isascii() and proxy.isdigit() and len(proxy) == _DIGITS[kind]
