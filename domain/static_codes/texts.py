"""The signed texts of a new static code."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain import ids
from domain.merchants.merchant import Merchant
from domain.merchants.qr_settings import QrSettings
from domain.qr import static_code
from domain.qr.emv_code import EmvCode, Initiation, Language, Template
from domain.qr.static_code import Sign
from domain.static_codes.errors import QrSettingsMissing
from domain.static_codes.terms import Terms

ACCOUNT: Final = "26"
ACCOUNT_GUID: Final = "6F1C0B5E9D3B4C0E8A55D2A1E4C7F312"
"""Says that the account's number is a merchant of this program: a UUID without hyphens (MPM,
section 4.4), made once."""
TERMINAL: Final = "07"
_TERMINAL = re.compile(r"[ -~]{1,25}")


class Format(StrEnum):
    """How a code is written."""

    URL = "url"
    """A signed address: a small symbol, and any phone's camera opens it."""
    EMV = "emv"
    """A signed EMVCo code, which names the merchant to wallets of other systems."""


def make_texts(
    formats: tuple[Format, ...],
    *,
    code_id: UUID,
    merchant: Merchant,
    terms: Terms,
    label: str,
    public_url: str,
    key_id: str,
    sign: Sign,
) -> dict[str, str]:
    """The text of each format, signed. The same arguments always make the same texts (RFC 8032).

    Raises:
        QrSettingsMissing: an EMVCo code is asked for, and the merchant has no settings for it.
    """
    texts: dict[str, str] = {}
    if Format.URL in formats:
        address = static_code.address(public_url, code_id, key_id, sign)
        texts[Format.URL.value] = address
    if Format.EMV in formats:
        if merchant.qr is None:
            raise QrSettingsMissing(merchant_id=merchant.public_id)
        code = _emv_code(merchant.id, merchant.qr, terms, label)
        texts[Format.EMV.value] = static_code.emv(code, code_id, key_id, sign)
    return texts


def _emv_code(merchant_id: UUID, settings: QrSettings, terms: Terms, label: str) -> EmvCode:
    number = ids.encode_suffix(merchant_id).upper()
    language = Language(settings.language, settings.local_name, settings.local_city)
    return EmvCode(
        accounts={ACCOUNT: Template(ACCOUNT_GUID, {"01": number})},
        initiation=Initiation.STATIC,
        currency=terms.currency,
        country=settings.country,
        name=settings.name,
        city=settings.city,
        category=settings.category,
        amount_minor=terms.amount_minor,
        postal_code=settings.postal_code,
        additional={TERMINAL: label} if _TERMINAL.fullmatch(label) else {},
        language=language if settings.language else None,
    )
