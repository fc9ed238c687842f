"""The door between asynchronous requests and the synchronous writer."""

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

ANSWER_SECONDS: Final = 10.0
"""How long a caller waits for an answer before it is told to ask again."""
TWIN_SECONDS: Final = 5.0
"""How long the second caller under one idempotency key waits for the first."""
LOOK_SECONDS: Final = 0.25
"""How often those who wait are looked at."""


class _Waiting(NamedTuple):
    """A request that waits for its command's answer until a time of the loop's clock."""

    future: asyncio.Future[Result]
    until: float
    twin: bool
    """Another of the same idempotency key was on its way before."""


class CommandDispatcher:
    """Sends commands to the writer and wakes the requests.

    One hop to the writer takes what one pass of the loop asks; one hop back, what a batch answers.
    """

    def __init__(self, make_writer: Callable[[Deliver], Writer]) -> None:
        self._make_writer = make_writer
        self._writer: Writer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: list[tuple[Envelope, asyncio.Future[Result]]] = []
        self._waiting: list[_Waiting] = []
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
        future: asyncio.Future[Result] = self._loop.create_future()
        if not self._asked:
            self._loop.call_soon(self._hand_over, self._writer, self._loop)
        self._asked.append((envelope, future))
        result = await future
        if isinstance(result, LedgerError):
            raise result
        return result

    def _hand_over(self, writer: Writer, loop: asyncio.AbstractEventLoop) -> None:
        """Submit what this pass of the loop asked."""
        asked, self._asked = self._asked, []
        told = writer.submit_all([(envelope, partial(_settle, f)) for envelope, f in asked])
        now = loop.time()
        for (envelope, future), twin in zip(asked, told, strict=True):
            if isinstance(twin, Overloaded):
                _settle(future, twin)
            else:
                seconds = TWIN_SECONDS if twin else ANSWER_SECONDS
                self._waiting.append(_Waiting(future, now + seconds, twin and envelope.keyed))
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look, loop)

    # One timer looks after all who wait; a timer for each would cost more than its command.

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up on those whose time is over."""
        now = loop.time()
        self._waiting = [one for one in self._waiting if not one.future.done()]
        for one in self._waiting:
            if now >= one.until:
                late = Overloaded(reason="no answer came in time")
                one.future.set_result(IdempotencyInProgress() if one.twin else late)
        self._timer = loop.call_later(LOOK_SECONDS, self._look, loop) if self._waiting else None

    def _deliver(self, answers: Sequence[tuple[ResultCallback, Result]]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_call_each, answers)


def _call_each(answers: Sequence[tuple[ResultCallback, Result]]) -> None:
    for answer, result in answers:
        answer(result)


def _settle(future: asyncio.Future[Result], result: Result) -> None:
    if not future.done():
        future.set_result(result)
