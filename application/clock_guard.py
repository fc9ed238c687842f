"""Whether the database's clock is plausible or in doubt.

The clock is in doubt if it is far ahead of both the last recorded time and the *witness*, or far
behind the last recorded time. The witness is the last ledger time that this process has accepted,
plus what has elapsed since, including suspends. It can only cast doubt; it is never the time of an
event. `ledger.append` applies the same rule under its lock (0016_test_clock.sql); this module
applies it to the time used by reads, sweeps and tokens.
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
"""How often an ongoing doubt is logged."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=400)

_log = logging.getLogger(__name__)


def boot_seconds() -> float:
    """Seconds since this machine booted, including suspends; not affected by setting the clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # Linux only; elsewhere the monotonic clock
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class ClockReading(NamedTuple):
    """The database's clock, read in one statement."""

    clock: datetime
    """The server's clock, the accepted offset, and what a test clock was advanced by."""
    last: datetime | None
    """When the last event was recorded; None if the log is empty."""
    live: bool
    """Whether the ledger is live; a test ledger allows its clock to jump ahead."""
    advanced_seconds: int = 0
    """How far the test clock was advanced in all, which is part of `clock`; no jump."""
    offset: timedelta = timedelta(0)
    """The accepted offset, which is part of `clock`; zero if it was not read."""


class ClockState(NamedTuple):
    """A reading and what the guard made of it."""

    reading: ClockReading
    now: datetime
    """The ledger's time for reads; while the clock is in doubt, the last plausible time."""
    doubt: str
    """Why the clock is in doubt, as part of a sentence; empty if it is not."""


class ClockGuard:
    """Judges the readings of one process and keeps its witness. Thread-safe."""

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
        """Seconds of a clock that cannot be set."""
        self._metrics = metrics if metrics is not None else NoMetrics()
        self._accepted: tuple[datetime, float] | None = None
        self._advanced_seconds = 0
        self._doubt = ""
        self._logged_at = 0.0

    def witness(self) -> datetime | None:
        """The last accepted time plus what has elapsed; None if this process has accepted none."""
        if self._accepted is None:
            return None
        at, then = self._accepted
        return at + timedelta(seconds=self.elapsed() - then)

    def accept(self, at: datetime, read_at: float) -> None:
        """Accept the time of an append; `read_at` is the value of `elapsed()` before it."""
        self._accepted = (at, read_at)

    def judge(self, reading: ClockReading, read_at: float) -> ClockState:
        """Whether the clock is in doubt, and the time for reads.

        A plausible reading moves the witness, unless it is a jump: only appends confirm jumps.

        Args:
            reading: the database's clock.
            read_at: the value of `elapsed()` before the clock was read.
        """
        ahead = timedelta(seconds=self.ahead_seconds)
        behind = timedelta(seconds=self.behind_seconds)
        clock, last, witness = reading.clock, reading.last or _NEVER, self.witness()
        now = max(clock, last)
        advance = timedelta(seconds=reading.advanced_seconds - self._advanced_seconds)
        self._advanced_seconds = reading.advanced_seconds
        if clock < last - behind:
            late = int((last - clock).total_seconds())
            return self._judged(reading, last, f"it is {late} s behind the last recorded time")
        if witness is not None and clock > last + ahead and clock > witness + advance + ahead:
            early = int((clock - max(witness, last)).total_seconds())
            if reading.live:
                text = f"it is {early} s ahead of the last known time"
                return self._judged(reading, max(witness, last), text)
            _log.warning("the clock jumped %d s ahead, which a test ledger accepts", early)
            self._accepted = (now, read_at)
        elif witness is None or advance or abs(now - witness) <= behind or last > witness:
            self._accepted = (now, read_at)
        return self._judged(reading, now, "")

    def _judged(self, reading: ClockReading, now: datetime, doubt: str) -> ClockState:
        """Log a doubt when it begins, once a minute while it lasts, and when it ends."""
        at = self.elapsed()
        if doubt and (not self._doubt or at - self._logged_at >= LOG_SECONDS):
            self._logged_at = at
            _log.error(
                "the database's clock is in doubt: %s; nothing is recorded. Correct the clock, or "
                "run `qrledger clock accept`", doubt,
            )  # fmt: skip
        elif self._doubt and not doubt:
            _log.warning("the database's clock is no longer in doubt")
        self._doubt = doubt
        self._metrics.clock_judged(in_doubt=bool(doubt))
        return ClockState(reading, now, doubt)


def offset_to_accept(state: ClockState, ahead_seconds: int = AHEAD_SECONDS) -> timedelta | None:
    """The offset to accept so that the ledger can record again; None if there is no need.

    If the clock is behind the last recorded time, the offset makes it continue from that time. If
    it is far ahead, the server's clock is accepted as it is, without an offset unless the ledger's
    time would otherwise go back.

    Args:
        state: the log's clock as this process judges it.
        ahead_seconds: how far ahead of the last event the clock is in doubt for other processes.
    """
    clock, last, offset = state.reading.clock, state.reading.last, state.reading.offset
    server = clock - offset
    if last is None:
        return timedelta(0) if state.doubt else None
    if clock < last:
        return last - server if state.doubt else None
    if clock <= last + timedelta(seconds=ahead_seconds) and not state.doubt:
        return None
    return timedelta(0) if server >= last else offset
