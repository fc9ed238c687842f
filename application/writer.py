"""The batching writer: lanes that take commands from one bounded queue, each a thread with a bus.

A lane never waits for a batch to fill up: what has queued when it returns is its next batch, so a
lone command is not delayed and a crowd shares one append. While one lane waits for the log another
decides.

Refusals that payers may dispute are recorded once they have been answered. They ride at the head of
the next batch, where they wait for no predecessor, or are a batch after a while without commands.

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
from application.refusals import RefusalRecording

DEFERRED_COMMANDS_MAX: Final = 256
"""How many commands may wait for long streams: one tenant's history must not fill the queue."""
STOP_SECONDS: Final = 15.0
REFUSALS_WAIT_SECONDS: Final = 0.1
"""How long refusals wait for commands to ride with: a batch of their own costs an append."""

Deliver = Callable[[Sequence[tuple[ResultCallback, Result]]], None]

_log = logging.getLogger(__name__)


def _call_each(results: Sequence[tuple[ResultCallback, Result]]) -> None:
    for callback, result in results:
        callback(result)


class Writer:
    """Accepts commands from any thread; passes results to their callbacks, a batch at a time."""

    def __init__(
        self,
        *buses: Bus,
        deliver: Deliver = _call_each,
        queue_max: int = QUEUE_COMMANDS_MAX,
        batch_max: int = BATCH_COMMANDS_MAX,
        metrics: Metrics | None = None,
        refusals: RefusalRecording | None = None,
    ) -> None:
        self._deliver = deliver
        self._metrics = metrics if metrics is not None else NoMetrics()
        self._refusals = refusals if refusals is not None else RefusalRecording(self._metrics)
        self._queue = CommandQueue(len(buses), queue_max=queue_max, batch_max=batch_max)
        self._deferred: deque[tuple[QueuedCommand, Deferred]] = deque()
        self._stopping = False
        self._lock = Lock()
        self._queue_changed = Condition(self._lock)
        """Wakes the lanes."""
        self._deferred_changed = Condition(self._lock)
        """Wakes the reader of long streams."""
        self._threads = [
            Thread(target=self._run_lane, args=(lane, bus), name=f"writer {lane + 1}", daemon=True)
            for lane, bus in enumerate(buses)
        ]
        self._threads.append(
            Thread(target=self._read_long_streams, args=(buses[0],), name="reader", daemon=True)
        )

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
            if self._queue.is_crowded or self._queue.lanes_are_idle:
                self._queue_changed.notify()  # else the busy lane takes them when it returns
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
        with self._lock:
            self._refusals.drop()

    # The lanes.

    def _run_lane(self, lane: int, bus: Bus) -> None:
        while batch := self._next_batch(lane):
            results = bus.decide_batch([command.envelope for command in batch])
            self._deliver_results(self._finish(lane, zip(batch, results, strict=True)))

    def _next_batch(self, lane: int) -> list[QueuedCommand]:
        """Waits for a batch; empty when the writer has stopped."""
        with self._lock:
            has_waited = False
            while True:
                self._metrics.queue_depth(len(self._queue))
                if (len(self._queue) or has_waited) and not self._stopping:
                    self._queue.put_first(self._refusals.take())
                if batch := self._queue.take(lane):
                    if self._queue.is_crowded:
                        self._queue_changed.notify()
                    return batch
                if self._is_finished():
                    self._wake_all()
                    return []
                seconds = REFUSALS_WAIT_SECONDS if self._refusals.waiting else None
                has_waited = not self._queue_changed.wait(seconds)

    def _finish(
        self, lane: int, results: Iterable[tuple[QueuedCommand, Result | Deferred]]
    ) -> list[tuple[QueuedCommand, Result]]:
        """Release the lane's batch and set deferred commands aside; returns what to deliver."""
        finished: list[tuple[QueuedCommand, Result]] = []
        with self._lock:
            self._queue.release(lane)
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

    def _read_long_streams(self, bus: Bus) -> None:
        while next_deferred := self._next_deferred():
            command, deferred = next_deferred
            result = bus.resolve_deferred(deferred)
            with self._lock:
                if result is None:
                    self._queue.put_back(command)
                else:
                    self._queue.finish(command)
                self._queue_changed.notify_all()
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
        try:
            self._refusals.add((command.envelope, result) for command, result in finished)
        except Exception:  # noqa: BLE001 - they have been answered
            _log.exception("the refusals of a batch cannot be recorded")

    def _is_finished(self) -> bool:
        return self._stopping and not self._queue.in_progress

    def _wake_all(self) -> None:
        self._queue_changed.notify_all()
        self._deferred_changed.notify_all()
