"""Reads of single aggregates from the log, always current."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Generic
from uuid import UUID

from application.clock_guard import boot_seconds
from application.command import A
from application.errors import NotFound
from application.event_log import EventLog
from application.positions import Moment, version_at
from application.state_cache import StateCache

CLOCK_SECONDS: Final = 60.0
"""How long the last known time is used before the log is queried again."""


@dataclass(frozen=True, slots=True)
class Current(Generic[A]):
    """An aggregate, the position of its last event, and the ledger's time when it was read."""

    state: A
    position: int
    now: datetime


class LedgerClock:
    """The ledger's time as this process knows it, independent of the process's own clock.

    Only for token lifetimes and countdowns; decisions about sessions use the log's clock.
    """

    def __init__(self, log: EventLog, elapsed: Callable[[], float] = boot_seconds) -> None:
        self._event_log = log
        self._elapsed = elapsed
        self._known: tuple[datetime, float] | None = None

    def learn(self, now: datetime) -> None:
        """Note the ledger's time from a response of the log."""
        self._known = (now, self._elapsed())

    def reached(self, at: datetime) -> None:
        """Note that the ledger's time is `at` or later, because something was recorded then.

        A test clock is advanced by any process; the others see it by what they read.
        """
        if at > self.estimate():
            self.learn(at)

    def now(self) -> datetime:
        """The ledger's time; queries the log if the last known time is over a minute old.

        Raises:
            LogUnavailable: the log had to be queried and is unavailable.
        """
        if self._known is None or self._elapsed() - self._known[1] > CLOCK_SECONDS:
            self.learn(self._event_log.now())
        return self.estimate()

    def estimate(self) -> datetime:
        """The last known time plus what has elapsed; the process's own time if none is known."""
        if self._known is None:
            return datetime.now(UTC)
        at, then = self._known
        return at + timedelta(seconds=self._elapsed() - then)


class Reader:
    """The current state of aggregates. Thread-safe; the cache makes long streams cheap."""

    def __init__(self, log: EventLog, cache: StateCache | None = None) -> None:
        self.clock = LedgerClock(log)
        self._event_log = log
        self._cache = cache if cache is not None else StateCache()

    def get(self, kind: type[A], stream_id: UUID, thing: str) -> Current[A]:
        """The current aggregate.

        Raises (checked in this order):
            LogUnavailable: the log cannot be read.
            NotFound: it does not exist or is of another kind; the message names it as `thing`.
        """
        [current] = self._read(kind, (stream_id,), thing)
        return current

    def many(self, kind: type[A], stream_ids: Sequence[UUID], thing: str) -> list[Current[A]]:
        """Several current aggregates, in their order and as of one time.

        Raises (checked in this order):
            LogUnavailable: the log cannot be read.
            NotFound: one does not exist or is of another kind; the message names it as `thing`.
        """
        return self._read(kind, stream_ids, thing)

    def _read(self, kind: type[A], stream_ids: Sequence[UUID], thing: str) -> list[Current[A]]:
        loaded = self._cache.load(self._event_log, stream_ids)
        self.clock.learn(loaded.now)
        self._cache.trim()
        found = []
        for stream_id in stream_ids:
            if stream_id in loaded.too_long:
                state, position = self._cache.load_all(self._event_log, stream_id)
            else:
                state, position = loaded.states[stream_id]
            if not isinstance(state, kind):
                raise NotFound(thing=thing)
            found.append(Current(state, position, loaded.now))
        return found

    def at(self, kind: type[A], stream_id: UUID, moment: Moment, thing: str) -> Current[A]:
        """The aggregate as it stood at a moment, which is its `now`.

        Raises (checked in this order):
            LogUnavailable: the log cannot be read.
            NotFound: it did not exist then or is of another kind; the message names it as `thing`.
        """
        version = version_at(self._event_log, stream_id, moment.position)
        if version == 0:
            raise NotFound(thing=thing)
        state, position = self._cache.load_all(self._event_log, stream_id, up_to=version)
        if not isinstance(state, kind):
            raise NotFound(thing=thing)
        return Current(state, position, moment.at)
