"""Processes: events in, tasks out; a task runs when it is due and ends in commands.

A process is a class in a module of this package and is discovered there. It is the only place from
which the ledger calls others. `react` is pure, and its tasks are stored in the transaction that
stores the position of the page. `perform` may call a port. It may run again under the same key,
because its worker can die after the call and before the result is stored.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, Final

import msgspec

from application import processes
from application.command import Command
from application.event_log import Recorded
from domain import text

KEY_CHARS_MAX: Final = 200
LANE_CHARS_MAX: Final = 200
PAYLOAD_BYTES_MAX: Final = 8192
"""As JSON."""
EVENT_TASKS_MAX: Final = 1000
"""How many tasks one event may set and cancel."""
DONE_TASKS_MAX: Final = 1000
"""How many further tasks one finished task may set."""
DONE_COMMANDS_MAX: Final = 16
"""How many commands one finished task may send."""
NO_BREAKER: Final = 1_000_000
"""Failures in a row that never occur: nobody outside is called, or each one that is called has a
breaker of its own."""


class InvalidTask(ValueError):
    """A task that cannot be stored: a mistake of its process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call to make.

    Raises:
        InvalidTask: the key, the lane or the payload is too long or not acceptable text.
    """

    key: str
    """Names the call for ever: the idempotency key outside; command ids are derived from it."""
    due_at: datetime
    """By the ledger's time; the task never runs earlier."""
    lane: str = ""
    """Tasks of one lane run in the order in which they were stored; empty: in no order."""
    payload: Mapping[str, str] = field(default_factory=dict)
    """What `perform` needs to know, at most 8 KiB as JSON."""

    def __post_init__(self) -> None:
        if not (0 < len(self.key) <= KEY_CHARS_MAX and text.is_acceptable(self.key)):
            msg = f"a task's key has 1 to {KEY_CHARS_MAX} acceptable characters"
            raise InvalidTask(msg)
        if self.lane and not (len(self.lane) <= LANE_CHARS_MAX and text.is_acceptable(self.lane)):
            msg = f"a task's lane has at most {LANE_CHARS_MAX} acceptable characters"
            raise InvalidTask(msg)
        if self.payload and len(msgspec.json.encode(self.payload)) > PAYLOAD_BYTES_MAX:
            msg = f"a task's payload has at most {PAYLOAD_BYTES_MAX} bytes"
            raise InvalidTask(msg)


@dataclass(frozen=True, slots=True)
class Cancel:
    """The task of this key is not needed any more; takes effect after a `perform` under way."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The task is finished."""

    commands: Sequence[Command] = ()
    """Sent under ids derived from process, key and index, at most 16."""
    tasks: Sequence[Task] = ()
    """Stored in the transaction that removes the finished task, at most 1000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again later, by the process's policy."""

    reason: str
    """For people; never a secret, as it is stored and listed."""
    after: timedelta | None = None
    """At the earliest, such as from a `Retry-After` header; more than a day counts as a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """A person must decide; the task frees its lane. See `qrledger tasks`."""

    reason: str
    """For people; never a secret, as it is stored and listed."""


Result = Done | Retry | Park


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a process's tasks are run and repeated. Times in seconds."""

    attempts_max: int
    """A task whose attempts have failed so often is parked. Attempts that only the ledger itself
    refused for the moment do not use up the last one."""
    first_seconds: float
    """The longest backoff after the first attempt; doubles with each one, with full jitter."""
    seconds_max: float
    """The longest backoff."""
    retries_per_minute_max: int
    """The budget: how many tasks of the process may be repeated in a minute."""
    failures_max: int = NO_BREAKER
    """The breaker opens after so many failed attempts in a row."""
    open_seconds: float = 1.0
    """How long it stays open; then one task is tried."""
    concurrency: int = 1
    """Calls of `perform` at a time."""
    tasks_max: int = 1
    """Tasks per call of `perform`."""
    pause_seconds: float = 0.0
    """The pause after each call with as many tasks as it may have, so that others get a turn."""
    lease_seconds: float = 60.0
    """After this a claimed task may be claimed again: longer than `perform` and sending its
    commands ever take. A worker that died delays its tasks by no more than this."""


class Start(Enum):
    """From where the events of a newly followed class count."""

    BEGINNING = "beginning"
    """From the beginning of the log: nothing that ever happened is missed."""
    RELEASE = "release"
    """From the position that the process has when it follows the class for the first time."""


class Process(ABC):
    """Base class of every process. An instance holds ports, and of the log what `forget` clears."""

    name: ClassVar[str]
    """Names its position, its tasks and its commands' actor; never changes."""
    follows: ClassVar[tuple[type[Any], ...]]
    """The event classes that `react` receives; no other event is decoded for it."""
    starts: ClassVar[Start] = Start.BEGINNING
    """From where a newly followed event class counts."""
    retry: ClassVar[RetryPolicy]

    @classmethod
    def topics(cls) -> frozenset[str]:
        """The topics of the event classes in `follows`."""
        return frozenset(event.TOPIC for event in cls.follows)

    def prepare(self, events: Sequence[Recorded]) -> None:  # noqa: B027 - most processes need nothing
        """Look up what `react` needs of these events beside the log, before it gets them.

        For receivers that are not in the log. Everything else follows from the log alone.
        """

    @abstractmethod
    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        """The tasks that an event sets and cancels; an error halts the process's loop.

        Pure: they follow from the log up to the event, whenever it is asked. A process that needs
        more than the event may read that part of the log, and remember it until `forget`; what is
        not in the log, only `prepare` looks up.
        """

    def forget(self) -> None:  # noqa: B027 - most processes remember nothing
        """Forget what `react` remembers: events that it has not seen may precede the next one.

        Called before the first page, and before one that does not continue the page before it.
        """

    def is_quick(self, _task: Task) -> bool:
        """Whether it is performed and settled before the rest of its batch, which may hang."""
        return True

    @abstractmethod
    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """Run tasks that are due; one result for each, in order.

        An exception counts as a retry. If it was raised for several tasks, each is performed alone.
        """


def all_processes() -> list[type[Process]]:
    """Every process of this package, by name."""
    found: dict[str, type[Process]] = {}
    for module_info in pkgutil.iter_modules(processes.__path__):
        if module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{processes.__name__}.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Process) and value is not Process:
                found[value.name] = value
    return [found[name] for name in sorted(found)]
