"""EMVCo QR codes in merchant-presented mode: text to values and back.

Specification: EMV QR Code Specification for Payment Systems, Merchant-Presented Mode, 1.1 ("MPM").
A scheme such as Pix is a `Profile` of it, in a module of its own. Standard library only.
"""

from __future__ import annotations

from typing import Final

from domain.qr import _emv_reader, _emv_writer, tlv
from domain.qr._text import CHARS_MAX, check_text
from domain.qr.crc import CHARS as CRC_CHARS
from domain.qr.crc import checksum
from domain.qr.emv_code import PLAIN, EmvCode, Profile
from domain.qr.errors import Cause, InvalidQr

CODE_CHARS_MAX: Final = CHARS_MAX
_FIRST: Final = ("00", "01")
_CRC: Final = "63"
_MANDATORY: Final = ("52", "53", "58", "59", "60")


def parse(text: str, profile: Profile = PLAIN) -> EmvCode:
    """The values of a code.

    Args:
        text: as it was scanned, without surrounding white space.
        profile: which mandatory objects may be absent.

    Raises (checked in this order):
        InvalidQr: too long, or not acceptable text; the objects cannot be read; the first one, the
            last one or the checksum is wrong; an object is missing; an object is invalid. States
            the reason and the offset, in characters.
    """
    check_text(text)
    objects = tlv.parse(text)
    _check_frame(text, objects)
    ids = {one.id for one in objects}
    for object_id in _MANDATORY:
        if object_id not in ids and object_id not in profile.optional:
            reason = f"object {object_id} is missing"
            offset = objects[-1].offset
            raise InvalidQr(cause=Cause.MISSING_OBJECT, reason=reason, offset=offset)
    return _emv_reader.read(objects)


def build(code: EmvCode, profile: Profile = PLAIN) -> str:
    """The text of a code; `parse` returns the same values.

    Raises:
        ValueError: a value is missing or invalid, or the text has more than 512 characters.
    """
    text = with_checksum(without_checksum(code))
    try:
        read = parse(text, profile)
    except InvalidQr as error:
        msg = f"these values make no code: {error.facts['reason']}"
        raise ValueError(msg) from error
    if read != code:
        msg = "these values make another code"
        raise ValueError(msg)
    return text


def without_checksum(code: EmvCode) -> str:
    """The objects of a code, not checked, for texts that are signed before they are completed.

    Raises:
        ValueError: a value cannot be written.
    """
    values = _emv_writer.objects(code)
    ranks = {object_id: rank for rank, object_id in enumerate(code.order)}
    ids = sorted(values, key=lambda object_id: (ranks.get(object_id, len(ranks)), object_id))
    return tlv.write(*_FIRST) + "".join(tlv.write(one, values[one]) for one in ids)


def with_checksum(objects: str) -> str:
    """The text of a code from its other objects."""
    text = f"{objects}{_CRC}{CRC_CHARS:02}"
    return text + checksum(text)


def _check_frame(text: str, objects: list[tlv.Object]) -> None:
    """Check the first and the last object, and the checksum."""
    if not objects or objects[0][:2] != _FIRST:
        reason = "it does not begin with 000201"
        raise InvalidQr(cause=Cause.UNREADABLE, reason=reason, offset=0)
    last = objects[-1]
    if last.id != _CRC or len(last.value) != CRC_CHARS:
        reason = "it does not end with a checksum"
        raise InvalidQr(cause=Cause.CHECKSUM, reason=reason, offset=last.offset)
    if checksum(text[: last.value_offset]) != last.value:
        reason = "its checksum is wrong"
        raise InvalidQr(cause=Cause.CHECKSUM, reason=reason, offset=last.value_offset)
