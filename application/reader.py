"""Reading from the log: one session, one wallet, one key, always current."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Generic
from uuid import UUID

from application.clock_guard import boot_seconds
from application.command import A
from application.errors import NotFound
from application.event_log import EventLog
from application.state_cache import StateCache

CLOCK_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Current(Generic[A]):
    """An aggregate as it stands, its last position, and the ledger's time when it was read."""

    state: A
    position: int
    now: datetime


class LedgerClock:
    """The ledger's time as far as this process can tell, whatever its own clock says.

    It decides nothing about sessions: it is for token lifetimes and countdowns.
    """

    def __init__(self, log: EventLog, elapsed: Callable[[], float] = boot_seconds) -> None:
        self._event_log = log
        self._elapsed = elapsed
        self._known: tuple[datetime, float] | None = None

    def learn(self, now: datetime) -> None:
        """Take the ledger's time from an answer that carried it."""
        self._known = (now, self._elapsed())

    def now(self) -> datetime:
        """The last time learnt, plus what has passed since; asks if that is over a minute old.

        Raises:
            LogUnavailable: it has to ask, and the log is away.
        """
        if self._known is None or self._elapsed() - self._known[1] > CLOCK_SECONDS:
            self.learn(self._event_log.now())
        return self.estimate()

    def estimate(self) -> datetime:
        """The same without asking; the process's own time if nothing was ever learnt."""
        if self._known is None:
            return datetime.now(UTC)
        at, then = self._known
        return at + timedelta(seconds=self._elapsed() - then)


class Reader:
    """Aggregates as the log has them now. Thread-safe; a cache makes long histories cheap."""

    def __init__(self, log: EventLog, cache: StateCache | None = None) -> None:
        self.clock = LedgerClock(log)
        self._event_log = log
        self._cache = cache if cache is not None else StateCache()

    def get(self, kind: type[A], stream_id: UUID, thing: str) -> Current[A]:
        """The aggregate; `thing` names it for the caller.

        Raises (checked in this order):
            LogUnavailable: the log cannot be read.
            NotFound: there is none, or it is of another kind.
        """
        loaded_state = self._cache.load(self._event_log, (stream_id,))
        self.clock.learn(loaded_state.now)
        self._cache.trim()
        if stream_id in loaded_state.too_long:
            state, position = self._cache.load_all(self._event_log, stream_id)
        else:
            state, position = loaded_state.states[stream_id]
        if not isinstance(state, kind):
            raise NotFound(thing=thing)
        return Current(state, position, loaded_state.now)
