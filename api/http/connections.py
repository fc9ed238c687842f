"""Connections of a port: how many there may be, how long each may take, and which one must go.

Each port keeps one table. A connection is counted from the moment it is accepted. It *waits* while
the next step is its client's: to send a request or the rest of one, or to read an answer. When the
port or an address is full, the connection that has waited longest is closed for the new one, so
that a health check is always let in. A connection whose request is being worked on is never closed
for another.

There is one timer for all: once a second the sweep lets every connection compare its own stamp with
its limits. A timer per request would cost more than all the checks together.
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
"""Names, values, and 4 bytes a header for what stands between and after them."""
URL_BYTES_MAX: Final = 8192
FIRST_BYTE_SECONDS: Final = 10.0
HEADERS_SECONDS: Final = 10.0
"""From the first byte of a request to the end of its headers."""
BODY_SECONDS: Final = 30.0
"""From the end of the headers to the end of the body."""
BODY_WIRE_BYTES_MAX: Final = 262_144
"""A body with the sizes and extensions of its chunks and its trailers: the dearest spelling of the
largest body takes 6 bytes for each of its own."""
IDLE_SECONDS: Final = 75.0
WRITE_SECONDS: Final = 30.0
"""How long a client may take none of an answer."""
LINGER_SECONDS: Final = 2.0
LINGER_BYTES_MAX: Final = 1_048_576
"""After a refusal so much is read and thrown away: a reset would take the answer with it."""
PIPELINED_MAX: Final = 16
"""Requests of one connection that may wait for the one that is being answered."""
CONNECTIONS_PER_ADDRESS_MAX: Final = 256
CONNECTIONS_MAX: Final = 20_000
"""Bootstrap lowers it to what the descriptors allow."""
SWEEP_SECONDS: Final = 1.0
SWEEP_STEP: Final = 1000
"""So many connections are looked at before others may use the loop."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Every limit of a port before and around the body; the defaults are the constants above."""

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
    """What the table needs of a connection."""

    peer: str
    """The address at the other end, without its port."""

    def check(self, now: float) -> None:
        """Compare the time with the limits; refuse or close when one has passed."""
        ...

    def evict(self) -> None:
        """Close for a new connection."""
        ...


class ConnectionTable:
    """The connections of one port. Lives in one event loop."""

    def __init__(
        self,
        limits: ConnectionLimits,
        trusted_proxies: Collection[str] = (),
        *,
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        self.limits = limits
        self._on_full = on_full
        """Told whenever a connection gives way, or is turned away because none can."""
        self._exempt = {network_of(proxy) for proxy in trusted_proxies}
        self._addresses: dict[str, set[Connection]] = {}
        self._all: dict[Connection, str] = {}
        self._waiting: dict[Connection, int] = {}
        """Longest first; the number rises with every entry."""
        self._entries = 0

    def __len__(self) -> int:
        return len(self._all)

    def from_address(self, peer: str) -> int:
        """Connections from an address."""
        return len(self._addresses.get(network_of(peer), ()))

    def admit(self, connection: Connection) -> bool:
        """Count a connection that was just accepted, as waiting; False if there is no room."""
        address = network_of(connection.peer)
        mates = self._addresses.get(address, ())
        most = self.limits.per_address
        if most and len(mates) >= most and address not in self._exempt:
            waiting = [mate for mate in mates if mate in self._waiting]
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
        """The next step is the client's, from now on."""
        if connection in self._all:
            self._entries += 1
            self._waiting.pop(connection, None)
            self._waiting[connection] = self._entries

    def mark_active(self, connection: Connection) -> None:
        """The next step is ours: a whole request is here, or a socket is open."""
        self._waiting.pop(connection, None)

    def forget(self, connection: Connection) -> None:
        """The connection is closed; once more does no harm."""
        address = self._all.pop(connection, None)
        if address is None:
            return
        self._waiting.pop(connection, None)
        mates = self._addresses[address]
        mates.discard(connection)
        if not mates:
            del self._addresses[address]

    def close_waiting(self) -> None:
        """Close every connection whose client is waited for: the server is going."""
        for connection in list(self._waiting):
            connection.evict()

    async def sweeping(self, now: Callable[[], float]) -> None:
        """Let every connection check its limits, again and again; `now` is the loop's clock."""
        while True:
            await asyncio.sleep(self.limits.sweep_seconds)
            everybody = list(self._all)
            for start in range(0, len(everybody), SWEEP_STEP):
                for connection in everybody[start : start + SWEEP_STEP]:
                    self._check(connection, now())
                await asyncio.sleep(0)

    def _check(self, connection: Connection, now: float) -> None:
        try:
            if connection in self._all:
                connection.check(now)
        except Exception:  # noqa: BLE001 - one connection's mistake must not keep the others
            _log.exception("a connection could not be checked")

    def _make_room(self, longest: Connection | None) -> bool:
        self._on_full()
        if longest is None:
            return False
        self.forget(longest)
        longest.evict()
        return True
