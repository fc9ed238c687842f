"""Reading from the log: one session, one wallet, one key, always current."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Generic
from uuid import UUID

from application.command import A
from application.errors import NotFound
from application.event_log import EventLog
from application.state_cache import StateCache


@dataclass(frozen=True, slots=True)
class Current(Generic[A]):
    """An aggregate as it stands, its last position, and the ledger's time when it was read."""

    state: A
    position: int
    now: datetime


class Reader:
    """Aggregates as the log has them now. Thread-safe; a cache makes long histories cheap."""

    def __init__(self, log: EventLog, cache: StateCache | None = None) -> None:
        self._event_log = log
        self._cache = cache if cache is not None else StateCache()
        self._lock = Lock()

    def get(self, kind: type[A], stream_id: UUID, thing: str) -> Current[A]:
        """The aggregate; `thing` names it for the caller.

        Raises (checked in this order):
            LogUnavailable: the log cannot be read.
            NotFound: there is none, or it is of another kind.
        """
        with self._lock:
            version = self._cache.version(stream_id)
        loading = self._event_log.load({stream_id: version}, [])
        with self._lock:
            for recorded in loading.events:
                self._cache.take_in(recorded)
            state, position = self._cache.state(stream_id), self._cache.position(stream_id)
            self._cache.trim()
        if not isinstance(state, kind):
            raise NotFound(thing=thing)
        return Current(state, position, loading.now)
