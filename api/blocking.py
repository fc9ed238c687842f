"""Blocking database reads in threads, with a time limit for the caller.

After the limit the caller gets a 503. The thread has the same limit (the deadline of its
connection), so it becomes free at about the same time. For commands see
`api/command_dispatcher.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Final, ParamSpec, TypeVar

from application.errors import LogUnavailable

READ_SECONDS: Final = 5.0
"""The limit of one read, including the wait for a free thread."""
READY_SECONDS: Final = 2.0
"""The limit of all reads of `/readyz`."""
READ_THREADS_MAX: Final = 8
"""Concurrent reads. Images and metrics use the event loop's own threads instead."""

P = ParamSpec("P")
T = TypeVar("T")

_readers = ThreadPoolExecutor(READ_THREADS_MAX, "read")


async def read(query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a query in a thread.

    Raises (checked in this order):
        LogUnavailable: the query did not return within 5 s.
        Exception: whatever `query` raises.
    """
    return await _within(READ_SECONDS, _readers, partial(query, *args, **kwargs))


async def probe(query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a health check in a thread that no read can occupy.

    Raises (checked in this order):
        LogUnavailable: the query did not return within 2 s.
        Exception: whatever `query` raises.
    """
    return await _within(READY_SECONDS, None, partial(query, *args, **kwargs))


async def _within(seconds: float, executor: ThreadPoolExecutor | None, query: Callable[[], T]) -> T:
    loop = asyncio.get_running_loop()
    in_context = partial(copy_context().run, query)  # so that log lines name the request
    try:
        async with asyncio.timeout(seconds):
            return await loop.run_in_executor(executor, in_context)
    except TimeoutError:
        raise LogUnavailable(reason="the database did not respond in time") from None
