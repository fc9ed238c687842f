"""Which file the events of a log go to, so that each file has whole groups.

A group is what one set of rules needs together: a stream; a session with the quotes, suspense
entries and refusals that name it; a static code with its sessions.
"""

from __future__ import annotations

import json
from typing import Any, Final
from zlib import crc32

from domain import ids
from domain.audit.leaf import Leaf

GROUP_EVENTS: Final = 50_000
"""About so many events in one file: what is kept of them is in memory at a time."""
FILES_MAX: Final = 200
"""Their numbers are single bytes in a pipe, and a few records of each are in memory together."""
_LINKS: Final = {
    "payment_session.created": ("static_code_id", "sc", b'"static_code_id":"'),
    "code_session.opened": ("static_code_id", "sc", b""),
    "fx_quote.opened": ("session_id", "ps", b""),
    "refusal.recorded": ("session_id", "ps", b""),
    "suspense.received": ("session_id", "ps", b'"session_id":"'),
}
"""Streams that belong to the group of another one: the member that names it, its prefix, and bytes
without which the member is null."""


class Grouping:
    """Which file the events of a stream go to."""

    def __init__(self, events: int) -> None:
        self.count = max(1, min(FILES_MAX, -(-events // GROUP_EVENTS)))
        self._moved: dict[bytes, int] = {}

    def of_id(self, data: bytes) -> int:
        """The file of a stream that has been seen, or that belongs to itself."""
        moved = self._moved.get(data)
        return crc32(data) % self.count if moved is None else moved

    def of(self, leaf: Leaf) -> int:
        """The file of an event."""
        link = _LINKS.get(leaf.topic)
        if link is None:
            moved = self._moved.get(leaf.stream_id)
            return crc32(leaf.stream_id) % self.count if moved is None else moved
        if leaf.version <= 1 and link[2] in leaf.state:
            target = _named(leaf.state, link[0], link[1])
            number = self.of_id(target or leaf.stream_id)
            if number != crc32(leaf.stream_id) % self.count:
                self._moved[leaf.stream_id] = number
            return number
        return self.of_id(leaf.stream_id)


def _named(state: bytes, member: str, prefix: str) -> bytes | None:
    """The id in a member of an event; None if there is none."""
    try:
        document: Any = json.loads(state)
        return ids.decode(prefix, document[member]).bytes
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
