"""A log in memory in which another process acts at the worst moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from application.event_log import AppendRequest, LoadResult, Verdict
from tests.support.memory_log import MemoryLog


class InterferingLog(MemoryLog):
    """Runs a function once before the next append, or after every load."""

    def __init__(self) -> None:
        super().__init__()
        self.before_append: Callable[[], object] | None = None
        self.after_load: Callable[[], object] | None = None

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        loaded = super().load(streams, receipts)
        if self.after_load:
            self.after_load()
        return loaded

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        if self.before_append:
            act, self.before_append = self.before_append, None
            act()
        return super().append(batch)
