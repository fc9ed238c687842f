"""A circuit breaker of one processor: a processor that is away is given a rest.

Each operating-system process has its own. While it is open every call is `Unavailable`, which has
changed nothing; then one call is let through, and its end decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Final, ParamSpec

from application.ports.processor import (
    Answer,
    Charge,
    Notice,
    OutcomeUnknown,
    Processor,
    RefundOrder,
    Unavailable,
)

FAILURES_MAX: Final = 10
"""Calls in a row without an answer, after which it opens."""
OPEN_SECONDS: Final = 30.0

P = ParamSpec("P")


class Guarded:
    """A `Processor` behind its breaker. Callbacks pass, as they call nobody. Thread-safe."""

    def __init__(
        self,
        processor: Processor,
        elapsed: Callable[[], float] = monotonic,
        *,
        on_rest: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """Guard a processor.

        Args:
            processor: makes the calls.
            elapsed: seconds that never go back.
            on_rest: told for how long it is open, whenever it opens; 0 when it closes.
        """
        self._processor = processor
        self._elapsed = elapsed
        self._on_rest = on_rest
        self._lock = Lock()
        self._failures = 0
        self._open_until = 0.0

    def begin(self, charge: Charge) -> Answer:
        """See `Processor`."""
        return self._guarded(self._processor.begin, charge)

    def capture(self, charge: Charge) -> Answer:
        """See `Processor`."""
        return self._guarded(self._processor.capture, charge)

    def void(self, charge: Charge) -> Answer:
        """See `Processor`."""
        return self._guarded(self._processor.void, charge)

    def refund(self, order: RefundOrder) -> Answer:
        """See `Processor`."""
        return self._guarded(self._processor.refund, order)

    def status(self, asked: Charge | RefundOrder) -> Answer:
        """See `Processor`."""
        return self._guarded(self._processor.status, asked)

    def read_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """See `Processor`."""
        return self._processor.read_callback(headers, body, now)

    def _guarded(self, call: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
        """Make a call, unless the breaker is open.

        Raises:
            Unavailable: it is open, or see `Processor`.
            OutcomeUnknown: see `Processor`.
        """
        self._pass()
        try:
            answer = call(*args, **kwargs)
        except (Unavailable, OutcomeUnknown):
            self._count(failed=True)
            raise
        self._count(failed=False)
        return answer

    def _pass(self) -> None:
        with self._lock:
            left = self._open_until - self._elapsed()
            if self._failures >= FAILURES_MAX:
                if left > 0:
                    msg = "the processor does not answer, and is given a rest"
                    raise Unavailable(msg, timedelta(seconds=left))
                self._open_until = self._elapsed() + OPEN_SECONDS  # one call tries

    def _count(self, *, failed: bool) -> None:
        with self._lock:
            was_open = self._failures >= FAILURES_MAX
            self._failures = self._failures + 1 if failed else 0
            is_open = self._failures >= FAILURES_MAX
            if is_open:
                self._open_until = self._elapsed() + OPEN_SECONDS
        if is_open or was_open:
            self._on_rest(OPEN_SECONDS if is_open else 0.0)
