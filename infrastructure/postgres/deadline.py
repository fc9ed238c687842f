"""No wait for the database without an end: a link that is silent for too long is shut down.

Statement timeouts are kept by the server, and a server that is frozen keeps nothing; the kernel of
its machine goes on acknowledging, so TCP's own timers see no fault either. Here one thread looks
four times a second at what this process waits for, and shuts the socket down under whoever has
waited too long. That thread gets an ordinary connection error, whether psycopg or libpq holds it,
over TCP or a Unix socket; thread and connection are free again.
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

LOOK_SECONDS: Final = 0.25

_lock = threading.Lock()
_waits: dict[int, float] = {}
"""Duplicated descriptors, and the monotonic time at which each is shut down."""
_watchdog: threading.Thread | None = None
_waiting = threading.Event()


@contextmanager
def limit(connection: Connection[Any], seconds: float) -> Iterator[Callable[[], None]]:
    """Shut the connection's socket down if the block takes longer than `seconds`.

    Yields what starts the time anew, for work of many steps.

    Raises:
        psycopg.OperationalError: the connection is closed already, or was shut down.
    """
    descriptor = _duplicate(connection)
    with _lock:
        _waits[descriptor] = time.monotonic() + seconds
        _start()

    def renew() -> None:
        with _lock:
            _waits[descriptor] = time.monotonic() + seconds

    try:
        yield renew
    finally:
        with _lock:
            del _waits[descriptor]
        os.close(descriptor)


def _duplicate(connection: Connection[Any]) -> int:
    """A descriptor of our own, so that no number is shut down that names something else by now."""
    try:
        return os.dup(connection.fileno())
    except OSError as error:  # no descriptor is left
        msg = f"the database link cannot be watched: {error.strerror}"
        raise psycopg.OperationalError(msg) from error


def _start() -> None:
    global _watchdog  # noqa: PLW0603 - one thread for the process
    if _watchdog is None or not _watchdog.is_alive():
        _watchdog = threading.Thread(target=_watch, name="database deadlines", daemon=True)
        _watchdog.start()
    _waiting.set()


def _watch() -> None:
    while True:
        time.sleep(LOOK_SECONDS)
        with _lock:
            if not _waits:
                _waiting.clear()
            now = time.monotonic()
            for descriptor in [one for one, until in _waits.items() if now >= until]:
                _waits[descriptor] = float("inf")
                _shut_down(descriptor)
        _waiting.wait()


def _shut_down(descriptor: int) -> None:
    with suppress(OSError):  # the link has ended by itself
        link = socket.socket(fileno=descriptor)
        try:
            link.shutdown(socket.SHUT_RDWR)
        finally:
            link.detach()
