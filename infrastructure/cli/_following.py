"""Shared by the commands that follow the log until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event
from typing import Final

from infrastructure.cli import _support
from infrastructure.event_store.notifications import Notifications

POLL_SECONDS: Final = 0.5
"""Notifications are hints; the log is read this often in any case."""

Step = Callable[[int], tuple[int, bool]]
"""Takes in the next page after a position; returns the new one, and whether to go on at once."""


def follow(url: str, after: int, stopped: Event, step: Step) -> int:
    """Take in page after page of the log until stopped; returns the last position."""
    with closing(Notifications(url)) as news:
        while not stopped.is_set():
            after, at_once = step(after)
            if not at_once and not stopped.is_set():
                news.wait(POLL_SECONDS)
    return after


def run_until_interrupted(work: Callable[[Event], None]) -> None:
    """Run a function in a thread. Its event is set by SIGINT or SIGTERM; a second one exits."""

    async def run(stop: asyncio.Event) -> None:
        stopped = Event()
        working = asyncio.create_task(asyncio.to_thread(work, stopped))
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        stopped.set()
        waiting.cancel()
        await working

    _support.run_until_stopped(run)


def in_colour() -> bool:
    """Whether output is coloured: on a terminal only, and not if NO_COLOR is set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """End without a traceback when whoever reads the output has gone."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_support.EXIT_FAILED)
