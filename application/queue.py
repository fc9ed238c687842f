"""The queue in front of the writer: bounded, first in, first out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import UUID

from application.command import Envelope, Result
from application.errors import Overloaded

QUEUE_COMMANDS_MAX: Final = 4096
BATCH_COMMANDS_MAX: Final = 256

ResultCallback = Callable[[Result], None]


class QueuedCommand(NamedTuple):
    """A command that has no result yet."""

    envelope: Envelope
    callback: ResultCallback


class CommandQueue:
    """First in, first out, in batches. Not thread-safe: the writer locks it."""

    def __init__(
        self, *, queue_max: int = QUEUE_COMMANDS_MAX, batch_max: int = BATCH_COMMANDS_MAX
    ) -> None:
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._waiting: deque[QueuedCommand] = deque()
        self._in_progress: dict[UUID, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def in_progress(self) -> bool:
        """Whether a command has no result yet."""
        return bool(self._in_progress)

    def put(self, envelope: Envelope, callback: ResultCallback) -> bool | Overloaded:
        """Add a command at the end; True if another with the same id is in progress."""
        if len(self._waiting) >= self._queue_max:
            return Overloaded(reason="the queue is full")
        others = self._in_progress.get(envelope.command_id, 0)
        self._in_progress[envelope.command_id] = others + 1
        self._waiting.append(QueuedCommand(envelope, callback))
        return others > 0

    def put_back(self, command: QueuedCommand) -> None:
        """Return a command to the head of the queue."""
        self._waiting.appendleft(command)

    def take(self) -> list[QueuedCommand]:
        """The next batch, in the order of the queue; empty if nothing waits."""
        count = min(len(self._waiting), self._batch_max)
        return [self._waiting.popleft() for _ in range(count)]

    def finish(self, command: QueuedCommand) -> None:
        """The command has its result."""
        command_id = command.envelope.command_id
        others = self._in_progress.pop(command_id) - 1
        if others:
            self._in_progress[command_id] = others
