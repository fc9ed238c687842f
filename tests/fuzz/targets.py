"""The parsers of scanned texts, with what must hold of a text that one of them reads."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from domain.qr import dynamic_url, emv_mpm, epc, paynow, pix, promptpay, static_code
from domain.qr.emv_code import EmvCode, Language, Template
from domain.qr.errors import InvalidSignature
from domain.qr.static_code import SignatureVerdict
from tests.fuzz import vectors

V = TypeVar("V")
PUBLIC: Final = "https://pay.example"
HOST: Final = "pay.example"
CODE_ID: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
KEYS: Final = ("K1", "K2")
SHOP: Final = EmvCode(
    accounts={"26": Template(HOST, {"01": "01H455VB4PEX5VSKNK084SN02Q"})},
    currency="USD", country="US", name="Corner Cafe", city="Springfield",
    language=Language("ZH", "街角咖啡"),
)  # fmt: skip


def sign(key_id: str) -> Callable[[bytes], bytes]:
    """64 bytes in place of a signature: the parsers do not know which algorithm made them."""
    return lambda text: hmac.digest(key_id.encode(), text, "sha512")


def verify(key_id: str, text: bytes, signature: bytes) -> SignatureVerdict:
    """The verdict of a ledger that has two keys."""
    if key_id not in KEYS:
        return SignatureVerdict.UNKNOWN_KEY
    is_valid = hmac.compare_digest(sign(key_id)(text), signature)
    return SignatureVerdict.VALID if is_valid else SignatureVerdict.BAD_SIGNATURE


ADDRESSES: Final = tuple(static_code.address(PUBLIC, CODE_ID, one, sign(one)) for one in KEYS)
SIGNED: Final = tuple(static_code.emv(SHOP, CODE_ID, one, sign(one)) for one in KEYS)
URLS: Final = (
    dynamic_url.build(PUBLIC, CODE_ID),
    dynamic_url.build(PUBLIC, CODE_ID).lower(),
    f" {PUBLIC}:443/q/ps_01h455vb4pex5vsknk084sn02q\r\n",
)


@dataclass(frozen=True, slots=True)
class Target:
    """One parser."""

    name: str
    read: Callable[[str], bool]
    """Read a text, and check what must hold; whether the text was trusted. Refusals are raised."""
    seeds: tuple[str, ...]
    """Texts that it reads."""


def _read_url(text: str) -> bool:
    """An address of ours must be one to another reader of URLs, too."""
    session_id = dynamic_url.parse.__wrapped__(text, PUBLIC)
    parts = urlsplit(text.strip(" \t\r\n"))
    assert (parts.scheme, parts.hostname, parts.port or 443) == ("https", HOST, 443)
    assert (parts.username, parts.password, parts.query, parts.fragment) == (None, None, "", "")
    assert (
        dynamic_url.parse.__wrapped__(dynamic_url.build(PUBLIC, session_id), PUBLIC) == session_id
    )
    return True


def _read_address(text: str) -> bool:
    """A static address has one text, and only those that were signed are trusted."""
    code = static_code.parse(text, PUBLIC)
    again = static_code.address(PUBLIC, code.code_id, code.key_id, lambda _: code.signature)
    assert text.startswith("000201") or again == text
    return _trusted(code, text)


def _read_signed(text: str) -> bool:
    """The signature covers all that precedes it."""
    code = static_code.parse(text, PUBLIC)
    assert code.signed == text[: code.offset]
    return _trusted(code, text)


def _trusted(code: static_code.StaticCode, text: str) -> bool:
    try:
        code.check(verify)
    except InvalidSignature:
        assert text not in ADDRESSES + SIGNED
        raise
    assert text in ADDRESSES + SIGNED
    return True


def _both(
    parse: Callable[[str], V], build: Callable[[V], str], chars_max: int
) -> Callable[[str], bool]:
    """Values that were read must make a text that is read as the same values."""

    def read(text: str) -> bool:
        value = parse(text)
        try:
            again = build(value)
        except ValueError:  # such as an amount that was written without its decimals
            if len(text) > chars_max - LONGER_CHARS_MAX:
                return True
            raise
        assert parse(again) == value
        return True

    return read


LONGER_CHARS_MAX: Final = 40
"""By how much a text may be longer when it is built again."""
TARGETS: Final = (
    Target("dynamic_url", _read_url, URLS),
    Target("static address", _read_address, ADDRESSES),
    Target("static EMVCo", _read_signed, SIGNED),
    Target("emv_mpm", _both(emv_mpm.parse, emv_mpm.build, 512), vectors.EMV),
    Target("pix", _both(pix.parse, pix.build, 512), vectors.PIX),
    Target("promptpay", _both(promptpay.parse, promptpay.build, 512), vectors.PROMPTPAY),
    Target("paynow", _both(paynow.parse, paynow.build, 512), vectors.PAYNOW),
    Target("epc", _both(epc.parse, epc.build, 331), vectors.EPC),
)
