"""The loops of one process: one follows the log, others perform the tasks that are due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import SystemRandom
from threading import Event
from typing import Final
from uuid import UUID

from application.bus import Bus
from application.clock_guard import ClockGuard
from application.consumer import Page
from application.event_log import PAGE_EVENTS_MAX
from application.ports.metrics import Metrics
from application.ports.tasks import TaskStore
from application.processes._follower import ProcessFollower
from application.processes._performer import Performer
from application.processes._throttle import Throttle
from application.processes.process import Process
from infrastructure.event_store.follower import Follower
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.workers.supervisor import Loop, Progress

POLL_SECONDS: Final = 1.0
"""How often due tasks are asked for. Tasks that are due when they are stored need not wait."""
PACE_SECONDS: Final = 0.1
"""The lag accepted so that, under load, one transaction takes in many events."""


class ProcessLoops:
    """Follows the log for one process and performs its tasks."""

    def __init__(
        self,
        process: Process,
        *,
        store: TaskStore,
        log: PostgresLog,
        url: str,
        make_bus: Callable[[], Bus],
        guard: ClockGuard,
        new_id: Callable[[], UUID],
        metrics: Metrics,
    ) -> None:
        """Make the loops of a process.

        Args:
            process: its rules.
            store: its tasks.
            log: the log to read.
            url: the database to listen on.
            make_bus: makes a bus for each loop that performs.
            guard: knows the ledger's time, about.
            new_id: makes the tokens of leases.
            metrics: counts the tasks.
        """
        self._guard = guard
        self._event_log = log
        self._url = url
        self._pages: Follower | None = None
        self._stopped = Event()
        self._wakes = [Event() for _ in range(process.retry.concurrency)]
        self._process = process
        throttle = Throttle(process.retry, guard.elapsed)
        self.follower = ProcessFollower(process, store, head=log.head, on_stored=self._wake_if_due)
        self._performers = [
            Performer(
                process,
                store,
                make_bus(),
                throttle=throttle,
                clock_state=log.clock_state,
                new_id=new_id,
                random=SystemRandom(),
                metrics=metrics,
            )
            for _ in self._wakes
        ]

    @property
    def performing(self) -> dict[str, Loop]:
        """The loops that perform tasks, by name."""
        return {
            f"{self._process.name} tasks{f' {number + 1}' if number else ''}": loop
            for number, loop in enumerate(map(self._perform, self._performers, self._wakes))
        }

    def stop(self) -> None:
        """Make every loop return when its batch is settled."""
        self._stopped.set()
        if self._pages is not None:
            self._pages.stop()
        for wake in self._wakes:
            wake.set()

    def follow(self, on_progress: Progress) -> None:
        """Take in the log until stopped or until an event cannot be taken in."""
        position = self.follower.prepare(self._read)
        self._pages = Follower(
            self._event_log,
            self._url,
            DatabaseRole.PROJECTOR,
            after=position,
            pace_seconds=PACE_SECONDS,
        )
        for events in self._pages.pages():
            if self._stopped.is_set():
                return
            if events:
                page = Page(events[0].position - 1, events[-1].position, events)
                self._pages.position = self.follower.apply(page)
            on_progress()

    def _read(self, after: int, limit: int) -> Page:
        events = self._event_log.read(after, min(limit, PAGE_EVENTS_MAX))
        return Page(after, events[-1].position if events else after, events)

    def _perform(self, performer: Performer, wake: Event) -> Loop:
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

    def _wake_if_due(self, due_at: datetime) -> None:
        now = self._guard.witness()
        if now is None or due_at <= now:
            for wake in self._wakes:
                wake.set()
