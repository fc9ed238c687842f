"""The queue in front of the writer's lanes: bounded, and fair to commands that must wait.

Two lanes never hold commands with the same id or commands that may write the same stream, so lanes
never conflict with each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from application.command import Envelope, Result
from application.errors import Overloaded

QUEUE_COMMANDS_MAX: Final = 4096
BATCH_COMMANDS_MAX: Final = 256
CROWD_COMMANDS_MIN: Final = 32
"""How many commands must wait before a second lane takes any: an append costs as much as ten more
commands in the batch of the first."""

ResultCallback = Callable[[Result], None]


class QueuedCommand:
    """A command that has no result yet."""

    __slots__ = ("_exclusive", "callback", "envelope")

    def __init__(self, envelope: Envelope, callback: ResultCallback) -> None:
        self.envelope = envelope
        self.callback = callback
        self._exclusive: frozenset[UUID] | None = None

    @property
    def exclusive(self) -> frozenset[UUID]:
        """What only one lane may hold: the command's id and the streams that it may write."""
        if self._exclusive is None:
            command = self.envelope.command
            self._exclusive = frozenset((self.envelope.command_id, *command.writes))
        return self._exclusive


class CommandQueue:
    """First in, first out, in batches for several lanes. Not thread-safe: the writer locks it."""

    def __init__(
        self,
        lanes: int,
        *,
        queue_max: int = QUEUE_COMMANDS_MAX,
        batch_max: int = BATCH_COMMANDS_MAX,
    ) -> None:
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._waiting: deque[QueuedCommand] = deque()
        self._in_lanes: list[list[QueuedCommand]] = [[] for _ in range(lanes)]
        self._in_progress: dict[UUID, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_crowded(self) -> bool:
        """Whether enough commands wait for a second lane."""
        return len(self._waiting) >= CROWD_COMMANDS_MIN

    @property
    def lanes_are_idle(self) -> bool:
        """Whether no lane holds a batch."""
        return not any(self._in_lanes)

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

    def put_first(self, commands: Sequence[tuple[Envelope, ResultCallback]]) -> None:
        """Add commands at the head, also to a full queue: the caller bounds how many."""
        for envelope, callback in reversed(commands):
            others = self._in_progress.get(envelope.command_id, 0)
            self._in_progress[envelope.command_id] = others + 1
            self._waiting.appendleft(QueuedCommand(envelope, callback))

    def put_back(self, command: QueuedCommand) -> None:
        """Return a command to the head of the queue."""
        self._waiting.appendleft(command)

    def take(self, lane: int) -> list[QueuedCommand]:
        """The next batch for a lane that has released its last; empty if it must wait.

        Skips what another lane's batch excludes. A skipped command keeps its place, and excludes
        later commands in turn, so that commands on one stream keep their order.
        """
        others = [batch for number, batch in enumerate(self._in_lanes) if number != lane and batch]
        if others and not self.is_crowded:
            return []
        batch_max = self._share(len(self._in_lanes) - len(others))
        excluded = {name for batch in others for command in batch for name in command.exclusive}
        batch: list[QueuedCommand] = []
        skipped: list[QueuedCommand] = []
        while self._waiting and len(batch) < batch_max and len(skipped) < self._batch_max:
            command = self._waiting.popleft()
            if not excluded or excluded.isdisjoint(command.exclusive):
                batch.append(command)
            else:
                skipped.append(command)
                excluded |= command.exclusive
        self._waiting.extendleft(reversed(skipped))
        self._in_lanes[lane] = batch
        return batch

    def _share(self, free_lanes: int) -> int:
        """How many commands one of the free lanes may take."""
        equal_share = -(-len(self._waiting) // free_lanes)
        return min(max(CROWD_COMMANDS_MIN, equal_share), self._batch_max)

    def release(self, lane: int) -> None:
        """The lane no longer holds its batch."""
        self._in_lanes[lane] = []

    def finish(self, command: QueuedCommand) -> None:
        """The command has its result."""
        command_id = command.envelope.command_id
        others = self._in_progress.pop(command_id) - 1
        if others:
            self._in_progress[command_id] = others
