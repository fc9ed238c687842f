"""The store of tasks: what the runner of processes requires of it.

Tasks change together with the position of their process. A claimed task is leased: only the holder
of the lease's token settles it. A lease ends by the store's own clock; what is due is decided by
the ledger's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from application.processes.process import Task


class Changes(NamedTuple):
    """What a page of events changes, folded in order: cancels take effect before new tasks."""

    cancelled: Collection[str] = ()
    """Keys of tasks that were stored before and are not needed any more."""
    tasks: Sequence[Task] = ()
    """New tasks, in order. One whose key is stored already changes nothing."""


class Progress(NamedTuple):
    """How far a process has followed the log."""

    position: int
    topics: frozenset[str]
    """The topics that it has followed up to this position."""


class ClaimedTask(NamedTuple):
    """A task under a lease."""

    task: Task
    attempts: int
    """How often it was claimed, this time included."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The task is removed; further tasks are stored in the same transaction."""

    key: str
    tasks: Sequence[Task] = ()


@dataclass(frozen=True, slots=True)
class Retried:
    """The task is due again later. A cancelled one is removed."""

    key: str
    due_at: datetime
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Parked:
    """The task waits for a person and frees its lane. A cancelled one is removed."""

    key: str
    reason: str


Settlement = Finished | Retried | Parked


class TaskStore(Protocol):
    """Keeps the tasks and the positions of processes. Each method is one transaction."""

    def progress(self, process: str) -> Progress | None:
        """The progress of a process; None if it has never followed the log."""
        ...

    def begin(self, process: str, position: int, topics: frozenset[str]) -> None:
        """Note the topics that a process follows; a new process begins after `position`."""
        ...

    def replay(self, process: str, changes: Changes) -> None:
        """Apply changes of events before the position, of topics that are followed newly."""
        ...

    def record(self, process: str, after: int, last: int, changes: Changes) -> int:
        """Apply the changes of the page (`after`, `last`] and move the position to `last`.

        A task that is under a lease, even one that has ended, is not removed by a cancel: its call
        may have been made. It is marked, and removed when it is settled.

        Returns the position of the process. Changes nothing if that was not `after`.
        """
        ...

    def claim(
        self,
        process: str,
        *,
        now: datetime,
        tasks_max: int,
        repeats_max: int,
        lease_seconds: float,
        token: UUID,
    ) -> Sequence[ClaimedTask]:
        """Lease tasks that are due: of each lane the first one only, of the others the oldest.

        Returns once the lease is stored durably. Parked tasks are not part of their lane.

        Args:
            process: its name.
            now: the ledger's time.
            tasks_max: at most so many tasks.
            repeats_max: at most so many tasks that were claimed before.
            lease_seconds: after this, others may claim the tasks.
            token: a new one; whoever settles the tasks presents it.
        """
        ...

    def settle(
        self, process: str, token: UUID, settlements: Sequence[Settlement]
    ) -> frozenset[str]:
        """Settle tasks that are still under the lease of this token; returns their keys.

        The settlement of a task whose lease has passed to another token is ignored, its further
        tasks included.
        """
        ...
