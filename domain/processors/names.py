"""The names of processors: they are parts of accounts, and of addresses of callbacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from domain.errors import InvalidRequest

PROCESSOR_CHARS_MAX: Final = 30
PROCESSORS_MAX: Final = 10
"""Of one merchant."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_processor(name: str, *, field: str = "processor") -> None:
    """Check the name of a processor, such as `stripe`.

    Raises:
        InvalidRequest: not 1 to 30 lower-case letters, digits and underscores after a letter.
    """
    if len(name) > PROCESSOR_CHARS_MAX or not _NAME.fullmatch(name):
        reason = f"must have 1 to {PROCESSOR_CHARS_MAX} lower-case letters, digits and underscores"
        raise InvalidRequest.of(field, reason)


def check_processors(names: Sequence[str]) -> None:
    """Check the processors of a merchant.

    Raises (checked in this order):
        InvalidRequest: more than 10, one twice, or one that is not a name.
    """
    if len(names) > PROCESSORS_MAX:
        raise InvalidRequest.of("processors", f"may have at most {PROCESSORS_MAX} entries")
    if len(set(names)) != len(names):
        raise InvalidRequest.of("processors", "may name each processor once")
    for name in names:
        check_processor(name, field="processors")
