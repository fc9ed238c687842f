"""Acceptable text: the one definition, for everything a caller may have stored.

A text is acceptable if it is free of control characters (U+0000 to U+001F, U+007F to U+009F), of
line and paragraph separators (U+2028, U+2029) and of lone surrogates (U+D800 to U+DFFF): what
databases, pages, logs or UTF-8 cannot carry, or carry differently. Requests are checked where they
are decoded, events when they are made. Events stored before that rule are still read; where such a
text cannot be carried, `shown` replaces what is wrong with it visibly.
"""

from __future__ import annotations

import re
from typing import Any, Final

from domain.errors import InvalidRequest

PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$(?!\n)"
"""The same for JSON schemas, which cannot speak of lone surrogates."""
NAME_CHARS_MAX: Final = 200
"""Of a name in a refusal: the caller chose the keys in it."""
REPLACEMENT: Final = "\ufffd"
_UNACCEPTABLE: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def is_acceptable(text: str) -> bool:
    """Whether every character may be stored."""
    return text.isprintable() or _UNACCEPTABLE.search(text) is None


def check(name: str, value: Any) -> None:
    """Check every text in a value: itself, what lists hold, keys and values of mappings.

    Args:
        name: how the caller names the value; what is inside is named `name.key` and `name[0]`.
        value: as it came out of JSON or goes into an event; anything but text is left alone.

    Raises:
        InvalidRequest: names the first place and the character, never the text.
    """
    if isinstance(value, str):
        if not value.isprintable() and (found := _UNACCEPTABLE.search(value)):
            raise _refusal(name, found.group())
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not key.isprintable() and (found := _UNACCEPTABLE.search(key)):
                raise _refusal(name, found.group(), "a key ")
            if type(inner) is not str or not inner.isprintable():
                check(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, (list, tuple)):
        for place, inner in enumerate(value):
            check(f"{name}[{place}]", inner)


def shown(text: str) -> str:
    """The text with U+FFFD in place of every unacceptable character."""
    return text if text.isprintable() else _UNACCEPTABLE.sub(REPLACEMENT, text)


def repaired(json: bytes) -> bytes:
    """JSON whose escaped lone surrogates, which readers of UTF-8 refuse, have become U+FFFD."""
    if b"\\" not in json:
        return json
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found.group(1) else found.group(), json)


def _refusal(name: str, character: str, whose: str = "") -> InvalidRequest:
    reason = f"{whose}may not contain the character U+{ord(character):04X}"
    return InvalidRequest.of(name[:NAME_CHARS_MAX] or "body", reason)
