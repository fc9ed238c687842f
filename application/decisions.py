"""One round of the bus: what each command of a batch has decided, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Deferred, Envelope, Result
from application.event_log import Event, Verdict, VerdictKind
from application.state_cache import LoadedState
from domain.errors import LedgerError


@dataclass(slots=True, eq=False)
class PendingDecision:
    """One command on its way through the rounds."""

    envelope: Envelope
    tries: int = 0
    result: Result | Deferred | None = None
    # What this round decided:
    subject: Any = None
    error: LedgerError | None = None
    events: Sequence[Event] = ()
    changed: Sequence[tuple[Aggregate, int]] = ()
    """What the command changed, and how many of its events come before each one's last."""
    mates: Sequence[PendingDecision] = ()
    """Those of the batch whose pending result was seen."""
    deadline: datetime | None = None
    earliest: datetime | None = None
    verdict: Verdict | None = None

    @property
    def to_record(self) -> bool:
        """Whether the log must hear of it: it has events, or an answer that its key must keep."""
        kept = self.error.kept if self.error else True
        return bool(self.events) or (self.envelope.keyed and kept)

    @property
    def won(self) -> bool:
        """The log has recorded it."""
        return self.verdict is not None and self.verdict.kind is VerdictKind.RECORDED

    @property
    def is_duplicate(self) -> bool:
        """The log has a receipt; whether it is of this request is seen when it has been read."""
        known = {VerdictKind.DUPLICATE, VerdictKind.REUSED}
        return self.verdict is not None and self.verdict.kind in known


class Round:
    """What one round's decisions stand on: states as the batch leaves them, and the time."""

    def __init__(self, loaded_state: LoadedState) -> None:
        self.loaded = loaded_state.entries
        self.entries = dict(loaded_state.entries)
        self.writers: dict[UUID, list[PendingDecision]] = {}
        self.now = loaded_state.now

    def widen(self, loaded_state: LoadedState) -> None:
        """Add streams that a handler found the way to; what is known already stays."""
        self.loaded = {**loaded_state.entries, **self.loaded}
        self.entries = {**loaded_state.entries, **self.entries}
        self.now = max(self.now, loaded_state.now)
