"""The notifier: websockets on one loop, fed by one follower of the log.

Order on connect: register, then read the history, then say the opening, then go on. Any other
order could lose an event. No compression, small frames, caps at the handshake, a buffer limit per
reader, and a shutdown in bounded steps.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from api.http import addresses
from api.http.connections import ConnectionLimits, ConnectionTable
from api.http.problems import to_bytes
from api.http.security_headers import security_headers
from api.live import protocol
from api.live.admission import Admission, Refusal
from api.live.handshake import LimitedConnection
from api.live.hub import BUFFER_BYTES_MAX, Hub, Listener, in_steps
from api.tokens import Tokens
from application.event_log import EventLog, Recorded
from application.reader import LedgerClock

HEARTBEAT_SECONDS: Final = 25.0
PING_SECONDS: Final = 20.0
SWEEP_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 2.0
SHUTDOWN_SECONDS: Final = 5.0
AGE_SECONDS_MAX: Final = 3600.0
SEND_BUFFER_BYTES: Final = 65_536
FRAME_BYTES_MAX: Final = 4096
INBOUND_MAX: Final = 5
HANDSHAKE_SHARE: Final = 8
"""An eighth of the connections is kept for those that are not sockets yet: health checks too."""
BACKLOG: Final = 2048

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConfig:
    """The settings of the notifier."""

    host: str
    port: int
    origins: tuple[str, ...]
    """Pages that may listen; programs that send no `Origin` always may."""
    per_address: int
    """Sockets from one address; 0 for no limit, which lifts that of its connections too."""
    total: int
    """Sockets; 0 for as many as there may be connections, less the handshakes' share."""
    trusted_proxies: tuple[str, ...]
    secure: bool = False
    """The outside reaches the API by https."""
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)

    @property
    def sockets(self) -> int:
        """Sockets in all."""
        most = self.limits.total - max(1, self.limits.total // HANDSHAKE_SHARE)
        return min(self.total, most) if self.total else most

    @property
    def connections(self) -> ConnectionLimits:
        """The limits of the port: an address may always hold twice the sockets it is allowed."""
        each = max(self.limits.per_address, 2 * self.per_address) if self.per_address else 0
        return replace(self.limits, per_address=each)


class Notifier:
    """Serves `/live`, `/healthz` and, from this machine, `/metrics`."""

    def __init__(
        self,
        config: LiveConfig,
        *,
        log: EventLog,
        tokens: Tokens,
        on_open: Callable[[int], None] = lambda _count: None,
        on_disconnect: Callable[[int], None] = lambda _code: None,
        on_full: Callable[[], None] = lambda: None,
        exposition: Callable[[], bytes] = lambda: b"",
        halted: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._config = config
        self._on_open = on_open
        self._on_disconnect = on_disconnect
        self._exposition = exposition
        self._halted = halted
        self._clock = LedgerClock(log)
        self._hub = Hub(self._clock.estimate)
        self._admission = Admission(log, tokens, self._clock, self._hub)
        self._connections: set[ServerConnection] = set()
        self._table = ConnectionTable(config.connections, config.trusted_proxies, on_full=on_full)
        self._sockets: dict[ServerConnection, str] = {}
        """Whose handshake was accepted, from that moment on, and the address behind each."""
        self._per_address: Counter[str] = Counter()
        self._disconnects: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining = False

    @property
    def port(self) -> int:
        """The port it listens on, once open."""
        if self._server is None:
            return self._config.port
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def open(self) -> None:
        """Listen.

        Raises:
            OSError: the port is in use.
        """
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self._config.host else socket.AF_INET
        listening = socket.create_server((self._config.host, self._config.port), family=family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        limits = self._config.limits
        refusal = partial(to_bytes, default_headers=security_headers(secure=self._config.secure))
        connection: Any = partial(LimitedConnection, self._table, refusal, self._release)
        self._server = await serve(
            self._handle,
            sock=listening,
            backlog=BACKLOG,
            create_connection=connection,
            open_timeout=limits.first_byte_seconds + limits.headers_seconds + CLOSE_SECONDS,
            origins=[*self._config.origins, None],  # type: ignore[list-item]
            process_request=self._process_request,
            compression=None,
            max_size=FRAME_BYTES_MAX,
            max_queue=4,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            server_header=None,
        )
        self._tasks = [
            asyncio.create_task(self._heartbeats()),
            asyncio.create_task(self._sweeps()),
            asyncio.create_task(self._table.sweep(self._loop.time)),
        ]

    async def close(self) -> None:
        """Part with everybody in bounded steps: at most about 10 s, then abort."""
        self._draining = True
        for task in self._tasks:
            task.cancel()
        if self._server is None:
            return
        for connection in list(self._connections):
            if connection.transport.get_write_buffer_size() > SEND_BUFFER_BYTES // 2:
                connection.transport.abort()
        self._table.close_waiting()
        self._server.close(code=protocol.CLOSE_RESTART, reason="restart")
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await self._server.wait_closed()
        for connection in list(self._connections):
            connection.transport.abort()

    def feed(self, page: Sequence[Recorded]) -> None:
        """Tell what the follower read; called from its thread, returns when it was told."""
        fit = [one for one in page if one.topic.startswith(protocol.TOPIC_PREFIX)]
        loop = self._loop
        if not fit or loop is None or loop.is_closed():
            return
        with suppress(TimeoutError, RuntimeError):
            asyncio.run_coroutine_threadsafe(self._dispatch(fit), loop).result(SHUTDOWN_SECONDS)

    async def _dispatch(self, page: Sequence[Recorded]) -> None:
        self._hub.dispatch(page)

    # The handshake.

    async def _process_request(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        path = urlsplit(request.path).path
        if path != "/live":
            return self._plain(path, connection, request)
        if self._draining:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "restarting\n")
        address = addresses.network_of(addresses.client_address(*self._whose(connection, request)))
        each = self._config.per_address
        full = len(self._sockets) >= self._config.sockets
        if full or (each and self._per_address[address] >= each):
            response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "too many sockets\n")
            response.headers["Retry-After"] = "5"
            return response
        self._sockets[connection] = address
        self._per_address[address] += 1
        self._table.mark_active(connection)  # type: ignore[arg-type]
        return None

    def _release(self, connection: ServerConnection) -> None:
        """A connection is closed: its place, if it had one, is free."""
        address = self._sockets.pop(connection, None)
        if address is None:
            return
        self._per_address[address] -= 1
        if not self._per_address[address]:
            del self._per_address[address]

    def _plain(self, path: str, connection: ServerConnection, request: Request) -> Response:
        """What monitors ask, as plain HTTP."""
        if path == "/healthz" and (halted := self._halted()):
            text = f"halted: {', '.join(halted)}\n"
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, text)
        if path == "/healthz":
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path == "/metrics" and addresses.is_local(*self._whose(connection, request)):
            return connection.respond(HTTPStatus.OK, self._exposition().decode())
        return connection.respond(HTTPStatus.NOT_FOUND, "not found\n")

    def _whose(
        self, connection: ServerConnection, request: Request
    ) -> tuple[str, list[str], tuple[str, ...]]:
        peer = str(connection.remote_address[0]) if connection.remote_address else ""
        return peer, request.headers.get_all("X-Forwarded-For"), self._config.trusted_proxies

    # One connection.

    async def _handle(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        self._on_open(len(self._connections))
        listener: Listener | None = None
        try:
            request = connection.request
            path = request.path if request else ""
            listener = await self._admission.admit(path, WebSocketConnection(self, connection))
            await self._listen_in(connection)
        except Refusal as refusal:
            await self._refuse(connection, refusal.code, refusal.reason)
        except ConnectionClosed:
            pass
        finally:
            if listener is not None:
                self._hub.leave(listener)
            self._connections.discard(connection)
            self._on_open(len(self._connections))

    async def _refuse(self, connection: ServerConnection, code: int, reason: str) -> None:
        self._on_disconnect(code)
        await connection.close(code, reason)

    async def _listen_in(self, connection: ServerConnection) -> None:
        """Nothing is expected from clients; a few messages are borne, then the socket is closed."""
        lifetime = AGE_SECONDS_MAX * random.uniform(0.9, 1.0)  # noqa: S311 - jitter, not a secret
        with suppress(TimeoutError):
            async with asyncio.timeout(lifetime):
                for _ in range(INBOUND_MAX):
                    await connection.recv()
                await self._refuse(connection, protocol.CLOSE_POLICY, "nothing is expected here")
                return
        await connection.close(protocol.CLOSE_RESTART, "come again")

    def disconnect(self, connection: ServerConnection, code: int, reason: str) -> None:
        """Close under a deadline, then abort: `close` alone can wait for ever on a full buffer."""
        self._on_disconnect(code)
        task = asyncio.get_running_loop().create_task(_disconnect(connection, code, reason))
        self._disconnects.add(task)
        task.add_done_callback(self._disconnects.discard)

    # Housekeeping.

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            text = protocol.heartbeat(self._clock.estimate())

            def beat(listener: Listener, text: str = text) -> None:
                if listener.waiting is None:
                    listener.send(text)

            await in_steps(self._hub.listeners(), beat)

    async def _sweeps(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await in_steps(self._hub.listeners(), self._sweep)

    def _sweep(self, listener: Listener) -> None:
        if listener.socket.buffered() > BUFFER_BYTES_MAX:
            listener.socket.disconnect(protocol.CLOSE_SLOW, "slow reader")
        elif listener.feed is not None and listener.feed.ended:
            now = time.monotonic()
            listener.ended_at = listener.ended_at or now
            if now - listener.ended_at > LINGER_SECONDS:
                listener.socket.disconnect(protocol.CLOSE_DONE, "the session has ended")


class WebSocketConnection:
    """A websocket as the hub sees it."""

    def __init__(self, notifier: Notifier, connection: ServerConnection) -> None:
        self._notifier = notifier
        self._connection = connection
        self._disconnected = False

    def buffered(self) -> int:
        """Bytes written that the kernel has not taken yet."""
        return int(self._connection.transport.get_write_buffer_size())

    def send_soon(self, text: str) -> None:
        """Put a message in the buffer; never waits."""
        if not self._disconnected:
            with suppress(ConnectionClosed):
                broadcast([self._connection], text)  # one frame into the buffer, without waiting

    def disconnect(self, code: int, reason: str) -> None:
        """Close, under a deadline, then abort; a second call does nothing."""
        if not self._disconnected:
            self._disconnected = True
            self._notifier.disconnect(self._connection, code, reason)


async def _disconnect(connection: ServerConnection, code: int, reason: str) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()
