"""Acceptable text: one definition for everything a caller can have stored.

Text is acceptable if it contains no control characters (U+0000 to U+001F, U+007F to U+009F), no
line or paragraph separators (U+2028, U+2029) and no lone surrogates (U+D800 to U+DFFF): what
databases, pages, logs or UTF-8 cannot represent, or represent differently. Requests are checked
when they are decoded, events when they are created. Events that were stored before this rule can
still be read; `replace_unacceptable` makes their text safe to write elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from domain.errors import InvalidRequest

PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$(?!\n)"
"""The same rule for JSON schemas, which cannot express lone surrogates."""
NAME_CHARS_MAX: Final = 200
"""Of a name in a refusal: the caller chose the keys in it."""
REPLACEMENT: Final = "\ufffd"
_UNACCEPTABLE: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""One JSON escape; the group matches a lone surrogate."""


def is_acceptable(text: str) -> bool:
    """Whether the text contains acceptable characters only."""
    return text.isprintable() or _UNACCEPTABLE.search(text) is None


def check(name: str, value: Any) -> None:
    """Check every text in a value: itself, the items of lists, keys and values of mappings.

    Args:
        name: the value's name in the request; nested values are named `name.key` and `name[0]`.
        value: decoded JSON, or a field of an event; anything but text is ignored.

    Raises:
        InvalidRequest: names the first place and the character, never the text.
    """
    if isinstance(value, str):
        if not is_acceptable(value):
            raise _refusal(name, value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not is_acceptable(key):
                raise _refusal(name, key, "a key ")
            if type(inner) is not str or not inner.isprintable():
                check(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            check(f"{name}[{index}]", inner)


def mistakes(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a value that `check` refuses: its name, and why."""
    if isinstance(value, str):
        if not is_acceptable(value):
            yield name, _reason(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if is_acceptable(key):
                yield from mistakes(f"{name}.{key}" if name else key, inner)
            else:
                yield name[:NAME_CHARS_MAX] or "body", f"a key {_reason(key)}"
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from mistakes(f"{name}[{index}]", inner)


def replace_unacceptable(text: str) -> str:
    """The text with U+FFFD in place of every unacceptable character."""
    return text if text.isprintable() else _UNACCEPTABLE.sub(REPLACEMENT, text)


def replace_lone_surrogates(json: bytes) -> bytes:
    """JSON with U+FFFD in place of escaped lone surrogates, which UTF-8 decoders reject."""
    if b"\\" not in json:
        return json
    return _ESCAPE.sub(lambda escape: b"\\ufffd" if escape.group(1) else escape.group(), json)


def _refusal(name: str, text: str, prefix: str = "") -> InvalidRequest:
    return InvalidRequest.of(name[:NAME_CHARS_MAX] or "body", f"{prefix}{_reason(text)}")


def _reason(text: str) -> str:
    [character, *_] = _UNACCEPTABLE.findall(text)
    return f"may not contain the character U+{ord(character):04X}"
