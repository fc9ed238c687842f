"""How long a request may wait for the database; then the caller hears 503 and the wait is given up.

A read is made in a thread. The thread's own limits (the pool's deadline) are the same, so that it
is free again about when its caller stops waiting. Commands: `api/command_dispatcher.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

from application.errors import LogUnavailable

READ_SECONDS: Final = 5.0
"""One read, the wait for a free thread included."""
READY_SECONDS: Final = 2.0
"""All of what `/readyz` asks."""
READ_THREADS_MAX: Final = 8
"""Reads at the same time. Not the loop's own threads: drawing and figures never wait for reads."""

P = ParamSpec("P")
T = TypeVar("T")

_readers = ThreadPoolExecutor(READ_THREADS_MAX, "read")


async def read(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Ask the database in a thread.

    Raises (checked in this order):
        LogUnavailable: no answer came in 5 s.
        Exception: whatever `ask` raises.
    """
    return await _within(READ_SECONDS, _readers, partial(ask, *args, **kwargs))


async def probe(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for monitors: 2 s, and in a thread that no read can hold.

    Raises (checked in this order):
        LogUnavailable: no answer came in 2 s.
        Exception: whatever `ask` raises.
    """
    return await _within(READY_SECONDS, None, partial(ask, *args, **kwargs))


async def _within(seconds: float, executor: ThreadPoolExecutor | None, ask: Callable[[], T]) -> T:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            return await loop.run_in_executor(executor, ask)
    except TimeoutError:
        raise LogUnavailable(reason="no answer came in time") from None
