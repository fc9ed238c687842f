"""Sends the commands of asynchronous requests to the synchronous writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from application.command import Envelope, Outcome, Result
from application.errors import IdempotencyInProgress, Overloaded
from application.queue import ResultCallback
from application.writer import Deliver, Writer
from domain.errors import LedgerError

RESULT_SECONDS: Final = 10.0
"""How long a request waits for the result of its command."""
DUPLICATE_SECONDS: Final = 5.0
"""How long a request waits if its idempotency key is already in progress."""
TIMEOUT_CHECK_SECONDS: Final = 0.25
"""The interval of the timer that ends waits."""


class _Waiting(NamedTuple):
    """A request that waits for the result of its command."""

    future: asyncio.Future[Result]
    deadline: float
    """By the event loop's clock."""
    duplicate: bool
    """Whether its idempotency key was already in progress."""


class CommandDispatcher:
    """Sends commands to the writer and their results back to the requests.

    All commands of one iteration of the event loop are handed to the writer together, and so are
    all results of a batch: each crossing between threads serves many requests.
    """

    def __init__(self, make_writer: Callable[[Deliver], Writer]) -> None:
        self._make_writer = make_writer
        self._writer: Writer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsubmitted: list[tuple[Envelope, asyncio.Future[Result]]] = []
        self._waiting: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Start the writer, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._writer = self._make_writer(self._deliver)
        self._writer.start()

    async def close(self) -> None:
        """Finish the queued commands, then stop."""
        if self._writer is not None:
            await asyncio.to_thread(self._writer.stop)
        if self._timer is not None:
            self._timer.cancel()

    async def send(self, envelope: Envelope) -> Outcome:
        """Run a command and wait for its result.

        Raises (checked in this order):
            Overloaded: the queue is full, or there was no result within 10 s; a retry under the
                same idempotency key is safe.
            IdempotencyInProgress: the same idempotency key was in progress for 5 s.
            LedgerError: the command was refused.
        """
        if self._loop is None or self._writer is None:
            raise Overloaded(reason="the process is starting")
        future: asyncio.Future[Result] = self._loop.create_future()
        if not self._unsubmitted:
            self._loop.call_soon(self._submit, self._writer, self._loop)
        self._unsubmitted.append((envelope, future))
        result = await future
        if isinstance(result, LedgerError):
            raise result
        return result

    def _submit(self, writer: Writer, loop: asyncio.AbstractEventLoop) -> None:
        """Submit the commands of this iteration of the event loop."""
        commands, self._unsubmitted = self._unsubmitted, []
        replies = writer.submit_all(
            [(envelope, partial(_set_result, f)) for envelope, f in commands]
        )
        now = loop.time()
        for (envelope, future), duplicate in zip(commands, replies, strict=True):
            if isinstance(duplicate, Overloaded):
                _set_result(future, duplicate)
            else:
                seconds = DUPLICATE_SECONDS if duplicate else RESULT_SECONDS
                keyed_duplicate = duplicate and envelope.keyed
                self._waiting.append(_Waiting(future, now + seconds, keyed_duplicate))
        if self._timer is None:
            self._timer = loop.call_later(TIMEOUT_CHECK_SECONDS, self._end_waits, loop)

    # One timer serves all requests; a timer per request would cost more than its command.

    def _end_waits(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the waits whose deadline has passed."""
        now = loop.time()
        self._waiting = [waiting for waiting in self._waiting if not waiting.future.done()]
        for waiting in self._waiting:
            if now >= waiting.deadline:
                timeout = Overloaded(reason="the command did not finish in time")
                waiting.future.set_result(IdempotencyInProgress() if waiting.duplicate else timeout)
        self._timer = (
            loop.call_later(TIMEOUT_CHECK_SECONDS, self._end_waits, loop) if self._waiting else None
        )

    def _deliver(self, results: Sequence[tuple[ResultCallback, Result]]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_call_each, results)


def _call_each(results: Sequence[tuple[ResultCallback, Result]]) -> None:
    for callback, result in results:
        callback(result)


def _set_result(future: asyncio.Future[Result], result: Result) -> None:
    if not future.done():
        future.set_result(result)
