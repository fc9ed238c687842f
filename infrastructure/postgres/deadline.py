"""Deadlines for the use of database connections, enforced in this process.

The server enforces statement timeouts, but a frozen server enforces nothing, and the kernel of its
machine still acknowledges packets, so TCP's own timers detect no fault either. Here one thread
checks four times a second what this process waits for, and shuts down the socket of a connection
whose deadline has passed. The waiting thread gets an ordinary connection error, whether it waits in
psycopg or libpq, over TCP or a Unix socket.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import Connection

CHECK_SECONDS: Final = 0.25

_lock = threading.Lock()
_deadlines: dict[int, float] = {}
"""Duplicated descriptors, and the monotonic time at which each is shut down."""
_watchdog: threading.Thread | None = None
_has_deadlines = threading.Event()


@contextmanager
def limit(connection: Connection[Any], seconds: float) -> Iterator[Callable[[], None]]:
    """Shut the connection's socket down if the block takes longer than `seconds`.

    Yields a function that restarts the time, for work in many steps.

    Raises:
        psycopg.OperationalError: the connection is closed, or was shut down.
    """
    descriptor = _duplicate(connection)
    with _lock:
        _deadlines[descriptor] = time.monotonic() + seconds
        _start()

    def renew() -> None:
        with _lock:
            _deadlines[descriptor] = time.monotonic() + seconds

    try:
        yield renew
    finally:
        with _lock:
            del _deadlines[descriptor]
        os.close(descriptor)


def _duplicate(connection: Connection[Any]) -> int:
    """A descriptor of our own: the connection's number could be reused for another file."""
    try:
        return os.dup(connection.fileno())
    except OSError as error:  # out of descriptors
        msg = f"no deadline can be set for the database connection: {error.strerror}"
        raise psycopg.OperationalError(msg) from error


def _start() -> None:
    global _watchdog  # noqa: PLW0603 - one thread per process
    if _watchdog is None or not _watchdog.is_alive():
        _watchdog = threading.Thread(target=_watch, name="database deadlines", daemon=True)
        _watchdog.start()
    _has_deadlines.set()


def _watch() -> None:
    while True:
        time.sleep(CHECK_SECONDS)
        with _lock:
            if not _deadlines:
                _has_deadlines.clear()
            now = time.monotonic()
            for descriptor in [d for d, until in _deadlines.items() if now >= until]:
                _deadlines[descriptor] = float("inf")
                _shut_down(descriptor)
        _has_deadlines.wait()


def _shut_down(descriptor: int) -> None:
    with suppress(OSError):  # the link is closed already
        link = socket.socket(fileno=descriptor)
        try:
            link.shutdown(socket.SHUT_RDWR)
        finally:
            link.detach()
