"""The batching writer: one thread that owns a bus and drains a bounded queue into it.

It never sleeps to fill a batch: whatever waits when it comes back is the next batch, so one
command alone pays no delay and a crowd shares one append.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Final
from uuid import UUID

from application.bus import Bus
from application.command import Envelope, Outcome
from application.errors import Overloaded
from application.ports.metrics import Metrics, NoMetrics
from domain.errors import LedgerError

QUEUE_COMMANDS_MAX: Final = 4096
BATCH_COMMANDS_MAX: Final = 256
STOP_SECONDS: Final = 15.0

Result = Outcome | LedgerError
Answer = Callable[[Result], None]
Deliver = Callable[[Sequence[tuple[Answer, Result]]], None]

_log = logging.getLogger(__name__)


def _call_each(answers: Sequence[tuple[Answer, Result]]) -> None:
    for answer, result in answers:
        answer(result)


class Writer:
    """Takes commands from any thread; answers each through its callback, a batch at a time."""

    def __init__(
        self,
        bus: Bus,
        *,
        deliver: Deliver = _call_each,
        queue_max: int = QUEUE_COMMANDS_MAX,
        batch_max: int = BATCH_COMMANDS_MAX,
        metrics: Metrics | None = None,
    ) -> None:
        self._bus = bus
        self._deliver = deliver
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._metrics = metrics if metrics is not None else NoMetrics()
        self._queue: deque[tuple[Envelope, Answer]] = deque()
        self._in_flight: dict[UUID, int] = {}
        self._changed = Condition()
        self._stopping = False
        self._thread = Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to drain the queue."""
        self._thread.start()

    def submit(self, envelope: Envelope, answer: Answer) -> bool:
        """Put a command in the queue; True if one of the same id is already on its way.

        Raises:
            Overloaded: the queue is full, or the writer is stopping.
        """
        with self._changed:
            if self._stopping:
                raise Overloaded(reason="the process is stopping")
            if len(self._queue) >= self._queue_max:
                raise Overloaded(reason="the queue is full")
            count = self._in_flight.get(envelope.command_id, 0)
            self._in_flight[envelope.command_id] = count + 1
            self._queue.append((envelope, answer))
            self._changed.notify()
            return count > 0

    def stop(self) -> None:
        """Answer everything in the queue, then stop; waits at most 15 s."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while batch := self._next_batch():
            results = self._bus.run([envelope for envelope, _ in batch])
            with self._changed:
                for envelope, _ in batch:
                    self._leave(envelope.command_id)
            try:
                self._deliver([(answer, r) for (_, answer), r in zip(batch, results, strict=True)])
            except Exception:  # noqa: BLE001 - the writer goes on
                _log.exception("a batch of answers could not be delivered")

    def _next_batch(self) -> list[tuple[Envelope, Answer]]:
        """Whatever waits, at most a batch; empty when the writer has stopped."""
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait()
            self._metrics.queue_depth(len(self._queue))
            return [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_max))]

    def _leave(self, command_id: UUID) -> None:
        left = self._in_flight[command_id] - 1
        if left:
            self._in_flight[command_id] = left
        else:
            del self._in_flight[command_id]
