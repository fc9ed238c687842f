"""The loops that perform the tasks of one process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import SystemRandom
from threading import Event
from typing import Final
from uuid import UUID

from application.bus import Bus
from application.clock_guard import ClockGuard, ClockState
from application.ports.metrics import Metrics
from application.ports.tasks import TaskStore
from application.processes._performer import Performer
from application.processes._throttle import Throttle
from application.processes.process import Process
from infrastructure.workers.supervisor import Loop, Progress

POLL_SECONDS: Final = 1.0
"""How often due tasks are asked for. Tasks that are due when they are stored need not wait."""


class Performing:
    """Performs the tasks of a process in as many loops as its policy allows."""

    def __init__(
        self,
        process: Process,
        *,
        store: TaskStore,
        make_bus: Callable[[], Bus],
        clock_state: Callable[[], ClockState],
        guard: ClockGuard,
        new_id: Callable[[], UUID],
        metrics: Metrics,
    ) -> None:
        """Make the loops of a process.

        Args:
            process: performs the tasks.
            store: keeps them.
            make_bus: makes a bus for each loop.
            clock_state: reads the ledger's time.
            guard: knows that time approximately, without reading it.
            new_id: makes the tokens of leases.
            metrics: counts the tasks.
        """
        self._process = process
        self._guard = guard
        self._stopped = Event()
        self._wakes = [Event() for _ in range(process.retry.concurrency)]
        throttle = Throttle(process.retry, guard.elapsed)
        self._performers = [
            Performer(
                process,
                store,
                make_bus(),
                throttle=throttle,
                clock_state=clock_state,
                new_id=new_id,
                random=SystemRandom(),
                metrics=metrics,
            )
            for _ in self._wakes
        ]

    @property
    def loops(self) -> dict[str, Loop]:
        """The loops by name: `expiry tasks`, `expiry tasks 2`."""
        return {
            f"{self._process.name} tasks{f' {number + 1}' if number else ''}": loop
            for number, loop in enumerate(map(self._loop, self._performers, self._wakes))
        }

    def stop(self) -> None:
        """Make every loop return when its batch is settled."""
        self._stopped.set()
        self._wake()

    def wake_if_due(self, due_at: datetime) -> None:
        """Wake the loops if a task that was just stored is due already."""
        now = self._guard.witness()
        if now is None or due_at <= now:
            self._wake()

    def _loop(self, performer: Performer, wake: Event) -> Loop:
        """A loop that performs what is due until nothing is, then waits."""

        def loop(on_progress: Progress) -> None:
            while not self._stopped.is_set():
                wake.clear()
                count = performer.run_once()
                on_progress()
                if count:
                    self._stopped.wait(self._process.retry.pause_seconds)
                else:
                    wake.wait(POLL_SECONDS)

        return loop

    def _wake(self) -> None:
        for wake in self._wakes:
            wake.set()
