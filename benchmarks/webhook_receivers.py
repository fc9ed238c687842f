"""Receivers of webhooks on this machine: quick ones that note when, silent and closed ones."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Final

BACKLOG: Final = 1024
_ANSWER: Final = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
_ID: Final = b"webhook-id: "
_LENGTH: Final = b"content-length: "


class Arrivals:
    """When each event arrived first, by `time.perf_counter`, and where to send them."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.at: dict[str, float] = {}

    def wait_for(self, count: int, seconds: float) -> None:
        """Wait until so many events have arrived.

        Raises:
            RuntimeError: they have not.
        """
        until = time.perf_counter() + seconds
        while len(self.at) < count:
            if time.perf_counter() > until:
                msg = f"{len(self.at)} of {count} webhooks arrived within {seconds:.0f} s"
                raise RuntimeError(msg)
            time.sleep(0.01)


class _Call(asyncio.Protocol):
    """One connection with one call."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < int(_header(head, _LENGTH)):
            return
        self._arrivals.at.setdefault(_header(head, _ID), time.perf_counter())
        self._transport.write(_ANSWER)
        self._transport.close()


def _header(head: bytes, name: bytes) -> str:
    _, _, rest = head.lower().partition(name)
    return rest.partition(b"\r\n")[0].decode()


@contextmanager
def quick() -> Iterator[Arrivals]:
    """A receiver that answers at once, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listening:
        arrivals = Arrivals(listening.getsockname()[1])
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(
            loop.create_server(lambda: _Call(arrivals), sock=listening, backlog=BACKLOG)
        )
        thread = Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            yield arrivals
        finally:
            loop.call_soon_threadsafe(server.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a receiver that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def closed_url() -> str:
    """A URL of this machine at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}/"
