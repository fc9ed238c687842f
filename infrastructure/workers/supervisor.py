"""Threads that are restarted when they fail.

A transient failure (`infrastructure.postgres.failures`) restarts a loop at once. Any other error
halts it: the halt is reported, and the loop is restarted alone, with growing pauses, while the
other loops continue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Final

from application.consumer import InvariantBroken
from infrastructure.postgres.failures import is_transient

RESTART_SECONDS: Final = 0.5
HALT_SECONDS_MIN: Final = 5.0
HALT_SECONDS_MAX: Final = 300.0
STOP_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)

Progress = Callable[[], None]
"""Called by a loop after each successful step."""
Loop = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a loop does not run."""

    reason: str
    """The class of the error, and the position of a broken invariant; the message of an error may
    contain confidential values."""
    since: datetime
    """By this process's clock; for people only, no decision depends on it."""


class Supervisor:
    """Runs loops in threads."""

    def __init__(self) -> None:
        self._stopped = Event()
        self._threads: list[Thread] = []
        self._lock = Lock()
        self._halts: dict[str, Halt | None] = {}

    @property
    def loops(self) -> Mapping[str, Halt | None]:
        """Every loop by name; None for a loop that is not halted."""
        with self._lock:
            return dict(self._halts)

    @property
    def halted(self) -> list[str]:
        """The names of the halted loops; each needs somebody's attention."""
        return [name for name, halt in self.loops.items() if halt is not None]

    def start(self, name: str, loop: Loop) -> None:
        """Run a loop in a thread, restarted until it returns or the supervisor stops."""
        with self._lock:
            self._halts[name] = None
        thread = Thread(target=self._run, args=(name, loop), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Wait at most 10 s for every loop to return; the caller has stopped the loops before."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def _run(self, name: str, loop: Loop) -> None:
        pause = HALT_SECONDS_MIN

        def on_progress() -> None:
            nonlocal pause
            pause = HALT_SECONDS_MIN
            self._recovered(name)

        while not self._stopped.is_set():
            try:
                loop(on_progress)
            except Exception as error:  # noqa: BLE001 - classified below; it ends this loop only
                if is_transient(error):
                    if not self._stopped.is_set():
                        _log.warning("%s: %s; trying again", name, type(error).__name__)
                    self._stopped.wait(RESTART_SECONDS)
                    continue
                _log.exception("%s is halted; trying again in %d s", name, pause)
                self._halt(name, error)
                self._stopped.wait(pause)
                pause = min(2 * pause, HALT_SECONDS_MAX)
            else:
                return

    def _halt(self, name: str, error: Exception) -> None:
        with self._lock:
            previous = self._halts[name]
            since = previous.since if previous else datetime.now(UTC)
            self._halts[name] = Halt(_reason(error), since)

    def _recovered(self, name: str) -> None:
        if self._halts[name] is not None:
            _log.warning("%s continues", name)
            with self._lock:
                self._halts[name] = None


def _reason(error: Exception) -> str:
    name = type(error).__name__
    return f"{name} at position {error.position}" if isinstance(error, InvariantBroken) else name
