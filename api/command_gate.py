"""The door between asynchronous requests and the synchronous writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from application.command import Envelope, Outcome
from application.errors import IdempotencyInProgress, Overloaded
from application.writer import Answer, Deliver, Result, Writer
from domain.errors import LedgerError

ANSWER_SECONDS: Final = 10.0
"""How long a caller waits for an answer before it is told to ask again."""
TWIN_SECONDS: Final = 5.0
"""How long the second caller under one idempotency key waits for the first."""
LOOK_SECONDS: Final = 0.25
"""How often those who wait are looked at."""


class CommandGate:
    """Sends commands to the writer and wakes the requests, one hop into the loop per batch."""

    def __init__(self, make_writer: Callable[[Deliver], Writer]) -> None:
        self._make_writer = make_writer
        self._writer: Writer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[float, asyncio.Future[Result | None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Start the writer on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._writer = self._make_writer(self._deliver)
        self._writer.start()

    async def close(self) -> None:
        """Answer what is queued, then stop."""
        if self._writer is not None:
            await asyncio.to_thread(self._writer.stop)
        if self._timer is not None:
            self._timer.cancel()

    async def send(self, envelope: Envelope) -> Outcome:
        """Run a command.

        Raises (checked in this order):
            Overloaded: the queue is full, or no answer came in 10 s (ask again, same key).
            IdempotencyInProgress: a twin under the same key got no answer in 5 s.
            LedgerError: the refusal.
        """
        if self._loop is None or self._writer is None:
            raise Overloaded(reason="the process is starting")
        future: asyncio.Future[Result | None] = self._loop.create_future()
        twin = self._writer.submit(envelope, partial(_settle, future))
        self._await_answer(future, TWIN_SECONDS if twin else ANSWER_SECONDS)
        result = await future
        if result is None and twin and envelope.keyed:
            raise IdempotencyInProgress
        if result is None:
            raise Overloaded(reason="no answer came in time")
        if isinstance(result, LedgerError):
            raise result
        return result

    # One timer looks after all who wait; a timer for each would cost more than its command.

    def _await_answer(self, future: asyncio.Future[Result | None], seconds: float) -> None:
        if self._loop is not None:
            self._waiting.append((self._loop.time() + seconds, future))
            if self._timer is None:
                self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Give up on those whose time is over."""
        if self._loop is None:
            return
        now = self._loop.time()
        self._waiting = [one for one in self._waiting if not one[1].done()]
        for until, future in self._waiting:
            if now >= until:
                future.set_result(None)
        again = self._loop.call_later(LOOK_SECONDS, self._look) if self._waiting else None
        self._timer = again

    def _deliver(self, answers: Sequence[tuple[Answer, Result]]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_call_each, answers)


def _call_each(answers: Sequence[tuple[Answer, Result]]) -> None:
    for answer, result in answers:
        answer(result)


def _settle(future: asyncio.Future[Result | None], result: Result) -> None:
    if not future.done():
        future.set_result(result)
