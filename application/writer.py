"""The batching writer: a bounded queue, and lanes that drain it, each a thread with a bus.

No lane sleeps to fill a batch: whatever waits when it comes back is the next one, so one command
alone pays no delay and a crowd shares one append. While one lane waits for the log another decides;
two lanes never hold commands that write the same stream, so they do not conflict.

What a lane cannot decide from at most 500 events of a stream goes to a thread beside the lanes,
which reads the stream and sends the command back to the head of the queue: only those who asked
about that stream wait for it.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Condition, Lock, Thread
from typing import Final
from uuid import UUID

from application.bus import Bus
from application.command import Deferred, Envelope, Result
from application.errors import Overloaded
from application.ports.metrics import Metrics, NoMetrics

QUEUE_COMMANDS_MAX: Final = 4096
BATCH_COMMANDS_MAX: Final = 256
CROWD_COMMANDS_MIN: Final = 32
"""A second lane sets out only for a crowd: an append costs as much as ten commands more in it."""
DEFERRED_COMMANDS_MAX: Final = 256
"""How many may wait for long streams: no tenant's history fills the queue of the others."""
STOP_SECONDS: Final = 15.0

ResultCallback = Callable[[Result], None]
Deliver = Callable[[Sequence[tuple[ResultCallback, Result]]], None]

_log = logging.getLogger(__name__)


def _call_each(answers: Sequence[tuple[ResultCallback, Result]]) -> None:
    for answer, result in answers:
        answer(result)


class _Queued:
    """A command that waits, and who waits for it."""

    __slots__ = ("_names", "answer", "envelope")

    def __init__(self, envelope: Envelope, answer: ResultCallback) -> None:
        self.envelope = envelope
        self.answer = answer
        self._names: frozenset[UUID] | None = None

    @property
    def names(self) -> frozenset[UUID]:
        """What no two lanes may hold at once: its own id, and the streams it may write."""
        if self._names is None:
            command = self.envelope.command
            self._names = frozenset((self.envelope.command_id, *command.writes))
        return self._names


class Writer:
    """Takes commands from any thread; answers each through its callback, a batch at a time."""

    def __init__(
        self,
        *buses: Bus,
        deliver: Deliver = _call_each,
        queue_max: int = QUEUE_COMMANDS_MAX,
        batch_max: int = BATCH_COMMANDS_MAX,
        metrics: Metrics | None = None,
    ) -> None:
        self._deliver = deliver
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._metrics = metrics if metrics is not None else NoMetrics()
        self._queue: deque[_Queued] = deque()
        self._in_flight: dict[UUID, int] = {}
        self._held: dict[Bus, list[_Queued]] = {bus: [] for bus in buses}
        self._deferred: deque[tuple[_Queued, Deferred]] = deque()
        self._lock = Lock()
        self._changed = Condition(self._lock)
        """The lanes wait on it."""
        self._deferral = Condition(self._lock)
        """The reader of long streams does."""
        self._stopping = False
        self._threads = [
            Thread(target=self._run, args=(bus,), name=f"writer {number}", daemon=True)
            for number, bus in enumerate(buses, 1)
        ]
        self._threads.append(
            Thread(target=self._read_long_streams, args=(buses[0],), name="reader", daemon=True)
        )

    def start(self) -> None:
        """Begin to drain the queue."""
        for thread in self._threads:
            thread.start()

    def submit(self, envelope: Envelope, answer: ResultCallback) -> bool:
        """Put a command in the queue; True if one of the same id is already on its way.

        Raises:
            Overloaded: the queue is full, or the writer is stopping.
        """
        [told] = self.submit_all([(envelope, answer)])
        if isinstance(told, Overloaded):
            raise told
        return told

    def submit_all(
        self, commands: Sequence[tuple[Envelope, ResultCallback]]
    ) -> list[bool | Overloaded]:
        """The same for several at once: one look at the lock, one waking for all."""
        with self._lock:
            told = [self._enqueue(envelope, answer) for envelope, answer in commands]
            if len(self._queue) >= CROWD_COMMANDS_MIN or not any(self._held.values()):
                self._changed.notify()  # else the lane on its way takes it when it comes back
            return told

    def _enqueue(self, envelope: Envelope, answer: ResultCallback) -> bool | Overloaded:
        if self._stopping:
            return Overloaded(reason="the process is stopping")
        if len(self._queue) >= self._queue_max:
            return Overloaded(reason="the queue is full")
        count = self._in_flight.get(envelope.command_id, 0)
        self._in_flight[envelope.command_id] = count + 1
        self._queue.append(_Queued(envelope, answer))
        return count > 0

    def stop(self) -> None:
        """Answer everything in the queue, then stop; waits at most 15 s."""
        with self._lock:
            self._stopping = True
            self._changed.notify_all()
            self._deferral.notify_all()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))

    def _run(self, bus: Bus) -> None:
        while batch := self._next_batch(bus):
            results = bus.decide_batch([one.envelope for one in batch])
            self._answer(self._done(bus, zip(batch, results, strict=True)))

    def _answer(self, answered: Sequence[tuple[_Queued, Result]]) -> None:
        try:
            self._deliver([(one.answer, result) for one, result in answered])
        except Exception:  # noqa: BLE001 - the writer goes on
            _log.exception("a batch of answers could not be delivered")

    def _read_long_streams(self, bus: Bus) -> None:
        """Do for deferred commands what no lane may, one after the other."""
        while one := self._next_deferred():
            queued, deferred = one
            result = bus.resolve_deferred(deferred)
            with self._lock:
                if result is None:
                    self._queue.appendleft(queued)
                else:
                    self._forget(queued)
                self._changed.notify_all()
            if result is not None:
                self._answer([(queued, result)])

    def _next_deferred(self) -> tuple[_Queued, Deferred] | None:
        with self._lock:
            self._deferral.wait_for(lambda: self._deferred or self._finished())
            return self._deferred.popleft() if self._deferred else None

    def _finished(self) -> bool:
        """Whether the writer is stopping and every command has its answer."""
        return self._stopping and not self._in_flight

    def _next_batch(self, bus: Bus) -> list[_Queued]:
        """Whatever waits and may go, at most a batch; empty when the writer has stopped."""
        with self._lock:
            while True:
                self._metrics.queue_depth(len(self._queue))
                if batch := self._take(bus):
                    if len(self._queue) >= CROWD_COMMANDS_MIN:
                        self._changed.notify()
                    return batch
                if self._finished():
                    self._changed.notify_all()
                    return []
                self._changed.wait()

    def _take(self, bus: Bus) -> list[_Queued]:
        """From the head of the queue, without what another lane's commands write.

        What has to wait keeps its place, and keeps back what writes the same after it.
        """
        others = [held for lane, held in self._held.items() if lane is not bus and held]
        if others and len(self._queue) < CROWD_COMMANDS_MIN:
            return []
        share = max(CROWD_COMMANDS_MIN, -(-len(self._queue) // (len(self._held) - len(others))))
        share = min(share, self._batch_max)
        kept = {name for held in others for one in held for name in one.names}
        batch: list[_Queued] = []
        passed: list[_Queued] = []
        while self._queue and len(batch) < share and len(passed) < self._batch_max:
            one = self._queue.popleft()
            if not kept or kept.isdisjoint(one.names):
                batch.append(one)
            else:
                passed.append(one)
                kept |= one.names
        self._queue.extendleft(reversed(passed))
        self._held[bus] = batch
        return batch

    def _done(
        self, bus: Bus, results: Iterable[tuple[_Queued, Result | Deferred]]
    ) -> list[tuple[_Queued, Result]]:
        """Let go of a batch; what remains is to be answered."""
        answered: list[tuple[_Queued, Result]] = []
        with self._lock:
            self._held[bus] = []
            for one, result in results:
                if not isinstance(result, Deferred):
                    answered.append((one, result))
                elif len(self._deferred) < DEFERRED_COMMANDS_MAX:
                    self._deferred.append((one, result))
                else:
                    answered.append((one, Overloaded(reason="too many wait for long histories")))
            for one, _ in answered:
                self._forget(one)
            if self._deferred or self._stopping:
                self._deferral.notify_all()
                self._changed.notify_all()
        return answered

    def _forget(self, one: _Queued) -> None:
        command_id = one.envelope.command_id
        left = self._in_flight[command_id] - 1
        if left:
            self._in_flight[command_id] = left
        else:
            del self._in_flight[command_id]
