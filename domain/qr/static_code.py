"""Signed static codes: printed once, paid many times. As an address, and as an EMVCo code.

Anybody can print a code and stick it over another one, and a checksum proves nothing. So the exact
text is signed with Ed25519 (RFC 8032), and read without normalising any of it. The text names the
code and the key; what may be paid is looked up by the code's id.

    address   HTTPS://PAY.EXAMPLE/S/<code>/<key>/<signature>     signed: all before the signature
    EMVCo     … 85 <QRLI, code, key>  86 <QRLS, signature>  63   signed: all before object 86
"""

from __future__ import annotations

import re
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain import ids
from domain.qr import _address, emv_mpm, tlv
from domain.qr._text import check_text
from domain.qr.emv_code import EmvCode, Template
from domain.qr.errors import Cause, InvalidQr, InvalidSignature

SIGNATURE_BYTES: Final = 64
KEY_ID: Final = re.compile("[A-Z0-9]{1,16}")
SIGNATURE_CHARS: Final = 103
"""Of an address: base32 without padding."""
IDS, IDS_GUID = "85", "QRLI"
SIGNATURE, SIGNATURE_GUID = "86", "QRLS"
"""A template holds 99 characters: 4 of head and 4 of identifier, 4 of head and 86 of signature."""
_START: Final = "000201"
_SUFFIX: Final = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")

Sign = Callable[[bytes], bytes]
"""Signs with the key that the text names."""


class SignatureVerdict(StrEnum):
    """What a signature is worth."""

    VALID = "valid"
    UNKNOWN_KEY = "unknown-key"
    REVOKED_KEY = "revoked-key"
    BAD_SIGNATURE = "bad-signature"


Verify = Callable[[str, bytes, bytes], SignatureVerdict]
"""Judges a signature by the id of its key, the text and the signature."""
_REASONS: Final = {
    SignatureVerdict.UNKNOWN_KEY: "this ledger has no such key",
    SignatureVerdict.REVOKED_KEY: "the key that signed it has been revoked",
    SignatureVerdict.BAD_SIGNATURE: "its signature is not valid",
}


@dataclass(frozen=True, slots=True)
class StaticCode:
    """What a printed code says before its signature is checked."""

    code_id: UUID
    key_id: str
    signed: str
    """The exact text that the signature covers."""
    signature: bytes
    offset: int
    """Of the signature in the text."""

    def check(self, verify: Verify) -> None:
        """Check the signature over the text as it was read.

        Raises:
            InvalidSignature: the key is unknown or revoked, or the signature is another text's.
        """
        verdict = verify(self.key_id, self.signed.encode(), self.signature)
        if verdict is not SignatureVerdict.VALID:
            cause = Cause(verdict.value)
            raise InvalidSignature(cause=cause, reason=_REASONS[verdict], offset=self.offset)


def parse(text: str, public_url: str) -> StaticCode:
    """Read a static code; `StaticCode.check` then proves that it is ours.

    Raises (checked in this order):
        InvalidQr: the text cannot be read, is not ours, or names no code.
        InvalidSignature: it has no signature; something follows the signature; the key's id is no
            such id; the signature is not 64 bytes.
    """
    if text.startswith(_START):
        return _parse_emv(text)
    return _parse_address(text, public_url)


def address(public_url: str, code_id: UUID, key_id: str, sign: Sign) -> str:
    """A signed address in upper case, which QR's alphanumeric mode encodes in a smaller symbol."""
    signed = f"{_prefix(public_url)}{ids.encode_suffix(code_id).upper()}/{_key(key_id)}/"
    return signed + b32encode(sign(signed.encode())).decode().rstrip("=")


def emv(code: EmvCode, code_id: UUID, key_id: str, sign: Sign) -> str:
    """A signed EMVCo code.

    Raises:
        ValueError: a value is missing or invalid, the code has objects 85 or 86 itself, or the
            text has more than 512 characters.
    """
    if {IDS, SIGNATURE} & code.unreserved.keys():
        msg = f"objects {IDS} and {SIGNATURE} are the ledger's own"
        raise ValueError(msg)
    names = Template(IDS_GUID, {"01": ids.encode_suffix(code_id).upper(), "02": _key(key_id)})
    order = tuple(one for one in code.order if one not in {IDS, SIGNATURE})
    values = replace(code, unreserved={**code.unreserved, IDS: names}, order=order)
    signed = emv_mpm.without_checksum(_with_last(values, IDS))
    text = urlsafe_b64encode(sign(signed.encode())).decode().rstrip("=")
    signature = tlv.write("00", SIGNATURE_GUID) + tlv.write("01", text)
    complete = emv_mpm.with_checksum(signed + tlv.write(SIGNATURE, signature))
    try:
        emv_mpm.parse(complete)
    except InvalidQr as error:
        msg = f"these values make no code: {error.facts['reason']}"
        raise ValueError(msg) from error
    return complete


def _parse_address(text: str, public_url: str) -> StaticCode:
    prefix = _prefix(public_url)
    check_text(text)
    if not text.startswith(prefix):
        offset = _address.path_offset(text, public_url)
        reason = "it is not exactly the address of a static code"
        raise InvalidQr(cause=Cause.OTHER_ADDRESS, reason=reason, offset=offset)
    suffix, separator, rest = text[len(prefix) :].partition("/")
    if not _SUFFIX.fullmatch(suffix):
        reason = "it names no static code"
        raise InvalidQr(cause=Cause.OTHER_ADDRESS, reason=reason, offset=len(prefix))
    code_id = ids.decode_suffix(suffix.lower())
    key_id, second, signature = rest.partition("/")
    offset = len(text) - len(signature)
    if not separator or not second or not signature or not KEY_ID.fullmatch(key_id):
        at = len(prefix) + len(suffix)
        raise InvalidSignature(cause=Cause.UNSIGNED, reason="it is not signed", offset=at)
    if len(signature) > SIGNATURE_CHARS:
        raise _after_signature(offset + SIGNATURE_CHARS)
    decoded = _decoded(signature, lambda one: b32decode(one + "=" * (-len(one) % 8)), offset)
    if b32encode(decoded).decode().rstrip("=") != signature:
        raise _bad_signature(offset)
    return StaticCode(code_id, key_id, text[:offset], decoded, offset)


def _parse_emv(text: str) -> StaticCode:
    code = emv_mpm.parse(text)
    objects = tlv.parse(text)
    names, proof = code.unreserved.get(IDS), code.unreserved.get(SIGNATURE)
    if names is None or names.guid != IDS_GUID or names.objects.keys() != {"01", "02"}:
        reason = "it is a code of another payment system"
        raise InvalidQr(cause=Cause.OTHER_PAYMENT_SYSTEM, reason=reason, offset=0)
    offsets = {one.id: one.offset for one in objects}
    if not _SUFFIX.fullmatch(names.objects["01"]):
        reason = "it names no static code"
        raise InvalidQr(cause=Cause.INVALID_OBJECT, reason=reason, offset=offsets[IDS])
    code_id = ids.decode_suffix(names.objects["01"].lower())
    if proof is None or proof.guid != SIGNATURE_GUID or proof.objects.keys() != {"01"}:
        at = objects[-1].offset if proof is None else offsets[SIGNATURE]
        raise InvalidSignature(cause=Cause.UNSIGNED, reason="it is not signed", offset=at)
    if objects[-2].id != SIGNATURE:
        after = next(one for one in objects if one.offset > offsets[SIGNATURE])
        raise _after_signature(after.offset)
    if not KEY_ID.fullmatch(names.objects["02"]):
        reason = _REASONS[SignatureVerdict.UNKNOWN_KEY]
        raise InvalidSignature(cause=Cause.UNKNOWN_KEY, reason=reason, offset=offsets[IDS])
    signature, offset = proof.objects["01"], offsets[SIGNATURE]
    decoded = _decoded(
        signature, lambda one: urlsafe_b64decode(one + "=" * (-len(one) % 4)), offset
    )
    if urlsafe_b64encode(decoded).decode().rstrip("=") != signature:
        raise _bad_signature(offset)
    return StaticCode(code_id, names.objects["02"], text[:offset], decoded, offset)


def _decoded(text: str, decode: Callable[[str], bytes], offset: int) -> bytes:
    """The bytes of a signature; its text must be the only one that they have."""
    try:
        decoded = decode(text)
    except (Error, ValueError):
        decoded = b""
    if len(decoded) != SIGNATURE_BYTES:
        raise _bad_signature(offset)
    return decoded


def _bad_signature(offset: int) -> InvalidSignature:
    reason = _REASONS[SignatureVerdict.BAD_SIGNATURE]
    return InvalidSignature(cause=Cause.BAD_SIGNATURE, reason=reason, offset=offset)


def _after_signature(offset: int) -> InvalidSignature:
    reason = "something follows its signature"
    return InvalidSignature(cause=Cause.AFTER_SIGNATURE, reason=reason, offset=offset)


def _prefix(public_url: str) -> str:
    return f"{public_url}/s/".upper()


def _key(key_id: str) -> str:
    if not KEY_ID.fullmatch(key_id):
        msg = "a key id has 1 to 16 upper-case letters and digits"
        raise ValueError(msg)
    return key_id


def _with_last(code: EmvCode, object_id: str) -> EmvCode:
    """The code with an object after all others, so that the signature follows it."""
    known = emv_mpm.parse(emv_mpm.build(code)).order
    return replace(code, order=(*(one for one in known if one != object_id), object_id))
