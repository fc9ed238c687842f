"""The batching writer: one thread that takes commands from a bounded queue, and its bus.

The writer never waits for a batch to fill up: what has queued while it decided and appended a batch
is its next one, so a lone command is not delayed and a crowd shares one append.

A command that needs more than 500 events of a stream is deferred to a separate thread, which reads
the stream and returns the command to the head of the queue. Only commands on that stream wait.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Condition, Lock, Thread
from typing import Final

from application.bus import Bus
from application.command import Deferred, Envelope, Result
from application.errors import Overloaded
from application.ports.metrics import Metrics, NoMetrics
from application.queue import (
    BATCH_COMMANDS_MAX,
    QUEUE_COMMANDS_MAX,
    CommandQueue,
    QueuedCommand,
    ResultCallback,
)

DEFERRED_COMMANDS_MAX: Final = 256
"""How many commands may wait for long streams: one tenant's history must not fill the queue."""
STOP_SECONDS: Final = 15.0

Deliver = Callable[[Sequence[tuple[ResultCallback, Result]]], None]

_log = logging.getLogger(__name__)


def _call_each(results: Sequence[tuple[ResultCallback, Result]]) -> None:
    for callback, result in results:
        callback(result)


class Writer:
    """Accepts commands from any thread; passes results to their callbacks, a batch at a time."""

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
        self._metrics = metrics if metrics is not None else NoMetrics()
        self._queue = CommandQueue(queue_max=queue_max, batch_max=batch_max)
        self._deferred: deque[tuple[QueuedCommand, Deferred]] = deque()
        self._stopping = False
        self._lock = Lock()
        self._queue_changed = Condition(self._lock)
        """Wakes the writer's thread."""
        self._deferred_changed = Condition(self._lock)
        """Wakes the reader of long streams."""
        self._threads = [
            Thread(target=self._write, name="writer", daemon=True),
            Thread(target=self._read_long_streams, name="reader", daemon=True),
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def submit(self, envelope: Envelope, callback: ResultCallback) -> bool:
        """Queue a command; True if another with the same id is in progress.

        Raises:
            Overloaded: the queue is full, or the writer is stopping.
        """
        [submitted] = self.submit_all([(envelope, callback)])
        if isinstance(submitted, Overloaded):
            raise submitted
        return submitted

    def submit_all(
        self, commands: Sequence[tuple[Envelope, ResultCallback]]
    ) -> list[bool | Overloaded]:
        """`submit` for several commands, with one lock and one wake-up; returns the refusals."""
        with self._lock:
            if self._stopping:
                return [Overloaded(reason="the process is stopping") for _ in commands]
            submitted = [self._queue.put(envelope, callback) for envelope, callback in commands]
            self._queue_changed.notify()
            return submitted

    def stop(self) -> None:
        """Run everything in the queue, then stop; waits at most 15 s."""
        with self._lock:
            self._stopping = True
            self._wake_all()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    # The writer's thread.

    def _write(self) -> None:
        while batch := self._next_batch():
            results = self._bus.decide_batch([command.envelope for command in batch])
            self._deliver_results(self._finish(zip(batch, results, strict=True)))

    def _next_batch(self) -> list[QueuedCommand]:
        """Waits for a batch; empty when the writer has stopped."""
        with self._lock:
            while True:
                self._metrics.queue_depth(len(self._queue))
                if batch := self._queue.take():
                    return batch
                if self._is_finished():
                    self._wake_all()
                    return []
                self._queue_changed.wait()

    def _finish(
        self, results: Iterable[tuple[QueuedCommand, Result | Deferred]]
    ) -> list[tuple[QueuedCommand, Result]]:
        """Set deferred commands aside; returns the results to deliver."""
        finished: list[tuple[QueuedCommand, Result]] = []
        with self._lock:
            for command, result in results:
                if not isinstance(result, Deferred):
                    finished.append((command, result))
                elif len(self._deferred) < DEFERRED_COMMANDS_MAX:
                    self._deferred.append((command, result))
                else:
                    refusal = Overloaded(reason="too many commands wait for long streams")
                    finished.append((command, refusal))
            for command, _ in finished:
                self._queue.finish(command)
            if self._deferred or self._stopping:
                self._wake_all()
        return finished

    # The reader of long streams.

    def _read_long_streams(self) -> None:
        while next_deferred := self._next_deferred():
            command, deferred = next_deferred
            result = self._bus.resolve_deferred(deferred)
            with self._lock:
                if result is None:
                    self._queue.put_back(command)
                else:
                    self._queue.finish(command)
                self._queue_changed.notify()
            if result is not None:
                self._deliver_results([(command, result)])

    def _next_deferred(self) -> tuple[QueuedCommand, Deferred] | None:
        """Waits for a deferred command; None when the writer has stopped."""
        with self._lock:
            self._deferred_changed.wait_for(lambda: self._deferred or self._is_finished())
            return self._deferred.popleft() if self._deferred else None

    # Both.

    def _deliver_results(self, finished: Sequence[tuple[QueuedCommand, Result]]) -> None:
        try:
            self._deliver([(command.callback, result) for command, result in finished])
        except Exception:  # noqa: BLE001 - the other batches still need their results
            _log.exception("the results of a batch could not be delivered")

    def _is_finished(self) -> bool:
        return self._stopping and not self._queue.in_progress

    def _wake_all(self) -> None:
        self._queue_changed.notify()
        self._deferred_changed.notify()
