"""Tag-length-value text of EMVCo's QR code specifications.

An object is an id of two digits, a length of two digits, and a value of that many characters
(EMVCo MPM 1.1, section 3.2). The length counts characters, not bytes.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final, NamedTuple

from domain.qr.errors import Cause, InvalidQr

VALUE_CHARS_MAX: Final = 99
HEAD_CHARS: Final = 4
"""Of id and length."""
OBJECTS_MAX: Final = 100
"""There are no more ids."""


class Object(NamedTuple):
    """One object of a text."""

    id: str
    """Two ASCII digits."""
    value: str
    offset: int
    """Of its id, in characters from the start of the whole text."""

    @property
    def value_offset(self) -> int:
        """Of its value, in the whole text."""
        return self.offset + HEAD_CHARS


def parse(text: str, *, offset: int = 0) -> list[Object]:
    """The objects of a text, or of a template's value, in their order.

    Args:
        text: nothing but objects.
        offset: where the text begins in the whole text; for objects and errors.

    Raises (checked in this order, object by object):
        InvalidQr: an id or a length is not two digits, a value is shorter than its length, or an id
            is repeated; names the offset.
    """
    objects: list[Object] = []
    seen: set[str] = set()
    at = 0
    while at < len(text):
        object_id, length = text[at : at + 2], text[at + 2 : at + HEAD_CHARS]
        if not _is_number(object_id):
            reason = "an object's id is not two digits"
            raise InvalidQr(cause=Cause.UNREADABLE, reason=reason, offset=offset + at)
        if not _is_number(length):
            reason = "an object's length is not two digits"
            raise InvalidQr(cause=Cause.UNREADABLE, reason=reason, offset=offset + at + 2)
        end = at + HEAD_CHARS + int(length)
        if end > len(text):
            reason = f"object {object_id} is cut off"
            raise InvalidQr(cause=Cause.UNREADABLE, reason=reason, offset=offset + at)
        if object_id in seen:
            reason = f"object {object_id} is repeated"
            raise InvalidQr(cause=Cause.REPEATED_OBJECT, reason=reason, offset=offset + at)
        seen.add(object_id)
        objects.append(Object(object_id, text[at + HEAD_CHARS : end], offset + at))
        at = end
    return objects


def offset_of(text: str, object_id: str) -> int:
    """Where an object of a text that has been read begins; 0 if it has none of this id."""
    return next((one.offset for one in parse(text) if one.id == object_id), 0)


def write(object_id: str, value: str) -> str:
    """One object.

    Raises:
        ValueError: the id is not two digits, or the value is empty or has more than 99 characters.
    """
    if not _is_number(object_id) or not 1 <= len(value) <= VALUE_CHARS_MAX:
        msg = f"object {object_id!r} cannot have a value of {len(value)} characters"
        raise ValueError(msg)
    return f"{object_id}{len(value):02}{value}"


def between(first: int, last: int) -> Container[str]:
    """The ids of a range, both ends included."""
    return frozenset(f"{number:02}" for number in range(first, last + 1))


def _is_number(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isdigit()  # noqa: PLR2004 - two digits
