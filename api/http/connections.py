"""The connections of a port: their number, their time limits, and which one to close when full.

Each port has one table. A connection counts from the moment it is accepted. It is *waiting* while
the next step is its client's: to send a request or the rest of one, or to read a response. When the
port or an address is full, the connection that has waited longest is closed for the new one, so
that a health check always gets a connection. A connection whose request is being processed is never
closed for another one.

One timer serves all connections: once a second, every connection compares its own time stamps with
the limits. A timer per request would cost more than all these checks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

from api.http.addresses import network_of

HEADERS_MAX: Final = 100
HEADERS_BYTES_MAX: Final = 16_384
"""Names and values, plus 4 bytes per header for separators."""
URL_BYTES_MAX: Final = 8192
FIRST_BYTE_SECONDS: Final = 10.0
HEADERS_SECONDS: Final = 10.0
"""From the first byte of a request to the end of its headers."""
BODY_SECONDS: Final = 30.0
"""From the end of the headers to the end of the body."""
BODY_WIRE_BYTES_MAX: Final = 262_144
"""A body as transferred, with chunk sizes, chunk extensions and trailers. The largest body in
one-byte chunks takes 6 bytes per byte."""
IDLE_SECONDS: Final = 75.0
WRITE_SECONDS: Final = 30.0
"""How long a client may read nothing of a response."""
LINGER_SECONDS: Final = 2.0
LINGER_BYTES_MAX: Final = 1_048_576
"""How much is read and discarded after a refusal: a reset could discard the response."""
PIPELINED_MAX: Final = 16
"""Requests of one connection that may wait for the one being processed."""
CONNECTIONS_PER_ADDRESS_MAX: Final = 256
CONNECTIONS_MAX: Final = 20_000
"""Bootstrap lowers it to the number of available file descriptors."""
SWEEP_SECONDS: Final = 1.0
SWEEP_STEP: Final = 1000
"""Connections that are checked before other tasks run."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The limits of a port; the defaults are the constants above."""

    headers: int = HEADERS_MAX
    headers_bytes: int = HEADERS_BYTES_MAX
    url_bytes: int = URL_BYTES_MAX
    first_byte_seconds: float = FIRST_BYTE_SECONDS
    headers_seconds: float = HEADERS_SECONDS
    body_seconds: float = BODY_SECONDS
    body_wire_bytes: int = BODY_WIRE_BYTES_MAX
    idle_seconds: float = IDLE_SECONDS
    write_seconds: float = WRITE_SECONDS
    linger_seconds: float = LINGER_SECONDS
    linger_bytes: int = LINGER_BYTES_MAX
    pipelined: int = PIPELINED_MAX
    per_address: int = CONNECTIONS_PER_ADDRESS_MAX
    """0 for no limit."""
    total: int = CONNECTIONS_MAX
    sweep_seconds: float = SWEEP_SECONDS


class Connection(Protocol):
    """What the table requires of a connection."""

    peer: str
    """The client's address, without its port."""

    def check(self, now: float) -> None:
        """Close or refuse if a time limit has passed."""
        ...

    def evict(self) -> None:
        """Close, to make room for a new connection or because the server stops."""
        ...


class ConnectionTable:
    """The connections of one port, in one event loop."""

    def __init__(
        self,
        limits: ConnectionLimits,
        trusted_proxies: Collection[str] = (),
        *,
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        self.limits = limits
        self._on_full = on_full
        """Called whenever a connection is closed for a new one, or refused."""
        self._exempt = {network_of(proxy) for proxy in trusted_proxies}
        self._addresses: dict[str, set[Connection]] = {}
        self._all: dict[Connection, str] = {}
        self._waiting: dict[Connection, int] = {}
        """Longest waiting first; the numbers increase."""
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._all)

    def from_address(self, peer: str) -> int:
        """The number of connections from an address, or from its IPv6 /64."""
        return len(self._addresses.get(network_of(peer), ()))

    def admit(self, connection: Connection) -> bool:
        """Add a new connection, as waiting; False if there is no room."""
        address = network_of(connection.peer)
        others = self._addresses.get(address, ())
        limit = self.limits.per_address
        if limit and len(others) >= limit and address not in self._exempt:
            waiting = [other for other in others if other in self._waiting]
            if not self._make_room(min(waiting, key=self._waiting.__getitem__, default=None)):
                return False
        if len(self._all) >= self.limits.total and not self._make_room(
            next(iter(self._waiting), None)
        ):
            return False
        self._all[connection] = address
        self._addresses.setdefault(address, set()).add(connection)
        self.mark_waiting(connection)
        return True

    def mark_waiting(self, connection: Connection) -> None:
        """From now on, the next step is the client's."""
        if connection in self._all:
            self._sequence += 1
            self._waiting.pop(connection, None)
            self._waiting[connection] = self._sequence

    def mark_active(self, connection: Connection) -> None:
        """The next step is the server's: a request is complete, or a socket is open."""
        self._waiting.pop(connection, None)

    def forget(self, connection: Connection) -> None:
        """Remove a closed connection; does nothing if it is not there."""
        address = self._all.pop(connection, None)
        if address is None:
            return
        self._waiting.pop(connection, None)
        others = self._addresses[address]
        others.discard(connection)
        if not others:
            del self._addresses[address]

    def close_waiting(self) -> None:
        """Close every waiting connection: the server stops."""
        for connection in list(self._waiting):
            connection.evict()

    async def sweep(self, now: Callable[[], float]) -> None:
        """Check the limits of every connection until cancelled; `now` is the loop's clock."""
        while True:
            await asyncio.sleep(self.limits.sweep_seconds)
            connections = list(self._all)
            for start in range(0, len(connections), SWEEP_STEP):
                for connection in connections[start : start + SWEEP_STEP]:
                    self._check(connection, now())
                await asyncio.sleep(0)

    def _check(self, connection: Connection, now: float) -> None:
        try:
            if connection in self._all:
                connection.check(now)
        except Exception:  # noqa: BLE001 - an error of one connection must not affect the others
            _log.exception("a connection could not be checked")

    def _make_room(self, longest: Connection | None) -> bool:
        self._on_full()
        if longest is None:
            return False
        self.forget(longest)
        longest.evict()
        return True
