"""Follows the log for one process: events in, tasks out, stored with the position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from application.consumer import Page, ReadPage
from application.event_log import Recorded
from application.ports.tasks import Changes, Progress, TaskStore
from application.processes.process import (
    EVENT_TASKS_MAX,
    Cancel,
    InvalidTask,
    Process,
    Start,
    Task,
)

REPLAY_PAGE_EVENTS: Final = 1000

Stored = Callable[[datetime], None]
"""Called after tasks were stored, with the earliest time at which one of them is due."""


class ProcessFollower:
    """A consumer of the log (`application.consumer.Consumer`) for one process.

    An event on which `react` fails halts this process only: a task is never guessed.
    """

    def __init__(
        self,
        process: Process,
        store: TaskStore,
        *,
        head: Callable[[], int],
        on_stored: Stored = lambda _due_at: None,
    ) -> None:
        """Follow for a process.

        Args:
            process: reacts to the events.
            store: keeps tasks and position.
            head: the last position of the log.
            on_stored: wakes whoever performs the tasks.
        """
        self._process = process
        self._store = store
        self._head = head
        self._on_stored = on_stored
        self._topics = process.topics()
        self._reacted = 0
        """Every followed event up to here has passed `react` since the process forgot."""

    @property
    def name(self) -> str:
        """The name of the process."""
        return self._process.name

    @property
    def topics(self) -> frozenset[str]:
        """The topics that the process follows."""
        return self._topics

    def prepare(self, read: ReadPage) -> int:
        """Bring the stored position to the topics that the process follows now; returns it.

        A new process begins where `starts` says. Of a process that follows more topics than before,
        the events of the new ones are replayed up to its position, unless they count only from
        there. A replay that was interrupted begins again; its tasks keep their keys.
        """
        name, starts = self.name, self._process.starts
        self._process.forget()
        progress = self._store.progress(name)
        is_new = progress is None
        if progress is None:
            progress = Progress(self._head() if starts is Start.RELEASE else 0, frozenset())
        added = self._topics - progress.topics
        if added and starts is Start.BEGINNING:
            self._replay(read, added, progress.position)
        if is_new or self._topics != progress.topics:
            self._store.begin(name, progress.position, self._topics)
        self._reacted = progress.position
        return progress.position

    def apply(self, page: Page) -> int:
        """Store what the events of a page set and cancel, with the position; returns the position.

        Changes nothing if the page does not begin right after the position.

        Raises:
            InvalidTask: `react` has set a task that cannot be stored, or too many.
        """
        if page.after != self._reacted:
            self._process.forget()
        changes = self._changes(page.of(self._topics))
        self._reacted = page.last
        position = self._store.record(self.name, page.after, page.last, changes)
        if changes.tasks and position == page.last:
            self._on_stored(min(task.due_at for task in changes.tasks))
        return position

    def _replay(self, read: ReadPage, topics: frozenset[str], up_to: int) -> None:
        position = 0
        while position < up_to:
            page = read(position, min(REPLAY_PAGE_EVENTS, up_to - position))
            self._store.replay(self.name, self._changes(page.of(topics)))
            if page.last == position:
                break
            position = page.last

    def _changes(self, events: Sequence[Recorded]) -> Changes:
        """Fold the tasks and cancels of some events, in order.

        A task that is set and cancelled again is not stored at all.
        """
        cancelled: dict[str, None] = {}
        tasks: dict[str, Task] = {}
        if events:
            self._process.prepare(events)
        react = self._process.react
        for recorded in events:
            for number, change in enumerate(react(recorded), 1):
                if number > EVENT_TASKS_MAX:
                    msg = f"an event sets at most {EVENT_TASKS_MAX} tasks"
                    raise InvalidTask(msg)
                if isinstance(change, Cancel):
                    tasks.pop(change.key, None)
                    cancelled[change.key] = None
                else:
                    tasks.setdefault(change.key, change)
        return Changes(tuple(cancelled), tuple(tasks.values()))
