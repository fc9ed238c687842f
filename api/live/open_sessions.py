"""Which sessions of a merchant are under way: what the first message of its socket shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from domain.sessions.state import Status
from projections._read_model import ReadModels
from projections.sessions import Sessions

OPEN_SESSIONS_MAX: Final = 50
"""The most sessions in a snapshot. The list of sessions has the others."""
UNDER_WAY: Final = (Status.CREATED, Status.SCANNED, Status.PROCESSING)


class Candidates(NamedTuple):
    """Sessions that were under way, newest first, as far as a read model knew."""

    position: int
    """Sessions that were created later may be missing."""
    sessions: Sequence[UUID]
    has_more: bool


class OpenSessions(Protocol):
    """Finds the sessions of a merchant that are under way."""

    def __call__(self, merchant_id: str, now: datetime) -> Candidates:
        """At most `OPEN_SESSIONS_MAX` of them in each status, the newest ones.

        Raises:
            LogUnavailable: they cannot be read.
        """
        ...


def open_sessions(read_models: ReadModels) -> OpenSessions:
    """By the read model `sessions`, one index scan for each status."""

    def find(merchant_id: str, now: datetime) -> Candidates:
        position = read_models.position(Sessions)  # first: rows may be newer, but never older
        rows, has_more = [], False
        for status in UNDER_WAY:
            found = read_models[Sessions].of_merchant(
                merchant_id, statuses=(status.value,), limit=OPEN_SESSIONS_MAX + 1, now=now
            )
            has_more = has_more or len(found) > OPEN_SESSIONS_MAX
            rows += found[:OPEN_SESSIONS_MAX]
        rows.sort(key=lambda row: row.created_position, reverse=True)
        return Candidates(position, [row.session_id for row in rows], has_more)

    return find
