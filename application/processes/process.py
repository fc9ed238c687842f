"""Processes: events in, tasks out; a task runs when it is due and ends in commands.

A process is a class in a module of this package and is discovered there. It is the only place from
which the ledger calls others. `react` is pure, and its tasks are stored in the transaction that
stores the position of the page. `perform` may call a port. It may run again under the same key,
because its worker can die after the call and before the result is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Protocol

from application.command import Command
from application.event_log import Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call to make."""

    key: str
    """Names the call for ever: the idempotency key outside; command ids are derived from it."""
    due_at: datetime
    """By the ledger's time; the task never runs earlier."""
    lane: str = ""
    """Tasks of one lane run in the order in which they were stored; empty: in no order."""
    payload: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cancel:
    """The task of this key is not needed any more; takes effect after a `perform` under way."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The task is finished."""

    commands: Sequence[Command] = ()
    """Sent under ids derived from process, key and index."""
    tasks: Sequence[Task] = ()
    """Stored in the transaction that removes the finished task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again later, by the process's policy."""

    reason: str
    after: timedelta | None = None
    """At the earliest, such as from a `Retry-After` header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """A person must decide; the task frees its lane. See `qrledger tasks`."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a process's tasks are run and repeated. Times in seconds."""

    attempts_max: int
    """After so many attempts a task is parked."""
    first_seconds: float
    """The backoff after the first attempt; it doubles with each one, with full jitter."""
    seconds_max: float
    """The longest backoff."""
    retries_per_minute_max: int
    """The budget: how many tasks of the process may be repeated in a minute."""
    failures_max: int
    """The breaker opens after so many failed attempts in a row."""
    open_seconds: float
    """How long it stays open; then one task is tried."""
    concurrency: int = 1
    """Calls of `perform` at a time."""
    tasks_max: int = 1
    """Tasks per call of `perform`."""
    lease_seconds: float = 60.0
    """After this a claimed task may be claimed again; longer than `perform` ever takes."""


class Process(Protocol):
    """Turns events into tasks, and tasks into calls and commands."""

    name: ClassVar[str]
    follows: ClassVar[tuple[type[Any], ...]]
    """The event classes that `react` receives; no other event is decoded for it."""
    retry: ClassVar[RetryPolicy]

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        """The tasks that an event sets and cancels. Pure."""
        ...

    def perform(self, tasks: Sequence[Task]) -> Sequence[Done | Retry | Park]:
        """Run tasks that are due; one result for each, in order."""
        ...


TASKS_PER_EVENT_MAX: Final = 1000
"""How many tasks one event may set."""
