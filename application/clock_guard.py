"""Whether the database's clock can be believed: the one judgement, for reads and for appends.

The clock is in doubt when it is far ahead of both the last recorded time and the *witness*, or far
behind the last recorded time. The witness is the last ledger time that this process saw accepted,
plus what has elapsed since, suspends included; it can only refuse, it never becomes the ledger's
time of an event. `ledger.append` decides the same under its lock (0004_clock.sql); this module is
for the time that reads, sweeps and tokens use.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from application.ports.metrics import Metrics, NoMetrics

AHEAD_SECONDS: Final = 300
BEHIND_SECONDS: Final = 30
LOG_SECONDS: Final = 60.0
"""How long the same doubt is not logged again."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=400)

_log = logging.getLogger(__name__)


def boot_seconds() -> float:
    """Seconds since this machine started; a suspend counts, setting the clock does not."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere the monotonic clock does it
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class ClockReading(NamedTuple):
    """What the database answered about its clock, in one statement."""

    clock: datetime
    """The server's clock plus the offset that was accepted."""
    last: datetime | None
    """When the last event was recorded; None if the log is empty."""
    live: bool
    """A live ledger; a test ledger lets its clock jump ahead."""
    offset: timedelta = timedelta(0)
    """What was accepted, and is part of `clock`; zero where it was not asked for."""


class ClockState(NamedTuple):
    """A reading, judged."""

    reading: ClockReading
    now: datetime
    """The ledger's time for whoever reads; while in doubt, the last that can be believed."""
    doubt: str
    """Why the clock cannot be believed, as a part of a sentence; empty if it can."""


class ClockGuard:
    """Judges the readings of one process and remembers what was accepted. Thread-safe."""

    def __init__(
        self,
        *,
        ahead_seconds: int = AHEAD_SECONDS,
        behind_seconds: int = BEHIND_SECONDS,
        elapsed: Callable[[], float] = boot_seconds,
        metrics: Metrics | None = None,
    ) -> None:
        self.ahead_seconds = ahead_seconds
        self.behind_seconds = behind_seconds
        self.elapsed = elapsed
        """Seconds of a clock that nobody sets: read it before asking the database for its own."""
        self._metrics = metrics if metrics is not None else NoMetrics()
        self._accepted: tuple[datetime, float] | None = None
        self._doubt = ""
        self._logged_at = 0.0

    def witness(self) -> datetime | None:
        """The last accepted time plus what has elapsed; None if this process knows none yet."""
        if self._accepted is None:
            return None
        at, then = self._accepted
        return at + timedelta(seconds=self.elapsed() - then)

    def accept(self, at: datetime, asked: float) -> None:
        """Take over a time that an append was given; `asked` is `elapsed()` from before it."""
        self._accepted = (at, asked)

    def judge(self, reading: ClockReading, asked: float) -> ClockState:
        """Whether a reading can be believed, and the time that reads use.

        A reading that is believed moves the witness if it is no jump by itself: jumps are learnt
        from appends only.

        Args:
            reading: what the database answered.
            asked: `elapsed()` from before it was asked.
        """
        ahead = timedelta(seconds=self.ahead_seconds)
        behind = timedelta(seconds=self.behind_seconds)
        clock, last, witness = reading.clock, reading.last or _NEVER, self.witness()
        now = max(clock, last)
        if clock < last - behind:
            late = int((last - clock).total_seconds())
            return self._judged(reading, last, f"it is {late} s behind the last recorded time")
        if witness is not None and clock > last + ahead and clock > witness + ahead:
            early = int((clock - max(witness, last)).total_seconds())
            if reading.live:
                text = f"it is {early} s ahead of the last known time"
                return self._judged(reading, max(witness, last), text)
            _log.warning("the clock jumped %d s ahead; a test ledger goes on with it", early)
            self._accepted = (now, asked)
        elif witness is None or abs(now - witness) <= behind or last > witness:
            self._accepted = (now, asked)
        return self._judged(reading, now, "")

    def _judged(self, reading: ClockReading, now: datetime, doubt: str) -> ClockState:
        """Tell operators, once when it begins, once a minute, and once when it ends."""
        at = self.elapsed()
        if doubt and (not self._doubt or at - self._logged_at >= LOG_SECONDS):
            self._logged_at = at
            _log.error(
                "the database's clock is in doubt: %s; nothing is recorded. Set the clock right, "
                "or run `qrledger clock accept`", doubt,
            )  # fmt: skip
        elif self._doubt and not doubt:
            _log.warning("the database's clock is no longer in doubt")
        self._doubt = doubt
        self._metrics.clock_judged(in_doubt=bool(doubt))
        return ClockState(reading, now, doubt)


def offset_to_accept(state: ClockState, ahead_seconds: int = AHEAD_SECONDS) -> timedelta | None:
    """The offset with which the ledger goes on at its true pace; None if there is no need.

    Behind the last recorded time: it goes on from there. Far ahead of it: the server's clock is
    taken as it is, without an offset where that does not lead back.

    Args:
        state: what the log's clock says, as this process judges it.
        ahead_seconds: how far ahead of the last event other processes refuse it.
    """
    clock, last, _, offset = state.reading
    server = clock - offset
    if last is None:
        return timedelta(0) if state.doubt else None
    if clock < last:
        return last - server if state.doubt else None
    if clock <= last + timedelta(seconds=ahead_seconds) and not state.doubt:
        return None
    return timedelta(0) if server >= last else offset
