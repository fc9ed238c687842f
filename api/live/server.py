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
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from api import waits
from api.live import protocol
from api.live.hub import BUFFER_BYTES_MAX, SOCKETS_PER_SESSION_MAX, Hub, Listener, in_steps
from api.tokens import BadToken, Tokens, Use
from application.errors import LogUnavailable
from application.event_log import EventLog, Recorded, opening
from application.reader import LedgerClock
from domain import ids

HEARTBEAT_SECONDS: Final = 25.0
PING_SECONDS: Final = 20.0
SWEEP_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 5.0
PARTING_SECONDS: Final = 2.0
SHUTDOWN_SECONDS: Final = 5.0
AGE_SECONDS_MAX: Final = 3600.0
SEND_BUFFER_BYTES: Final = 65_536
FRAME_BYTES_MAX: Final = 4096
INBOUND_MAX: Final = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConfig:
    """The settings of the notifier."""

    host: str
    port: int
    origins: tuple[str, ...]
    """Pages that may listen; programs that send no `Origin` always may."""
    per_address: int
    total: int
    trusted_proxies: tuple[str, ...]


class Notifier:
    """Serves `/live`, `/healthz` and, from this machine, `/metrics`."""

    def __init__(
        self,
        config: LiveConfig,
        *,
        log: EventLog,
        tokens: Tokens,
        on_open: Callable[[int], None] = lambda _count: None,
        on_part: Callable[[int], None] = lambda _code: None,
        exposition: Callable[[], bytes] = lambda: b"",
        halted: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._config = config
        self._event_log = log
        self._tokens = tokens
        self._on_open = on_open
        self._on_part = on_part
        self._exposition = exposition
        self._halted = halted
        self._clock = LedgerClock(log)
        self._hub = Hub(self._clock.estimate)
        self._connections: set[ServerConnection] = set()
        self._partings: set[asyncio.Task[None]] = set()
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
        self._server = await serve(
            self._handle,
            sock=listening,
            origins=[*self._config.origins, None],  # type: ignore[list-item]
            process_request=self._process_request,
            compression=None,
            max_size=FRAME_BYTES_MAX,
            max_queue=4,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=PARTING_SECONDS,
            server_header=None,
        )
        self._tasks = [
            asyncio.create_task(self._heartbeats()),
            asyncio.create_task(self._sweeps()),
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
        address = self._address(connection, request)
        total, each = self._config.total, self._config.per_address
        full = total and len(self._connections) >= total
        if full or (each and self._hub.from_address(address) >= each):
            response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "too many sockets\n")
            response.headers["Retry-After"] = "5"
            return response
        return None

    def _plain(self, path: str, connection: ServerConnection, request: Request) -> Response:
        """What monitors ask, as plain HTTP."""
        if path == "/healthz" and (halted := self._halted()):
            text = f"halted: {', '.join(halted)}\n"
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, text)
        if path == "/healthz":
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path == "/metrics" and self._address(connection, request) in {"127.0.0.1", "::1"}:
            return connection.respond(HTTPStatus.OK, self._exposition().decode())
        return connection.respond(HTTPStatus.NOT_FOUND, "not found\n")

    def _address(self, connection: ServerConnection, request: Request) -> str:
        peer = str(connection.remote_address[0]) if connection.remote_address else ""
        forwarded = ",".join(request.headers.get_all("X-Forwarded-For"))
        hops = [hop.strip() for hop in forwarded.split(",") if hop]
        while hops and peer in self._config.trusted_proxies:
            peer = hops.pop()
        return peer

    # One connection.

    async def _handle(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        self._on_open(len(self._connections))
        listener: Listener | None = None
        try:
            listener = await self._admit(connection)
            if listener is not None:
                await self._listen_in(connection)
        except ConnectionClosed:
            pass
        finally:
            if listener is not None:
                self._hub.leave(listener)
            self._connections.discard(connection)
            self._on_open(len(self._connections))

    async def _admit(self, connection: ServerConnection) -> Listener | None:
        """Check the token, register, read the history, say the opening."""
        request = connection.request
        if request is None:
            return None
        try:
            session_id, token, after = _parameters(request.path)
        except ValueError:
            await self._refuse(connection, protocol.CLOSE_BAD_TOKEN, "not a live address")
            return None
        if self._hub.on_session(session_id) >= SOCKETS_PER_SESSION_MAX:
            await self._refuse(connection, protocol.CLOSE_TRY_LATER, "too many listeners")
            return None
        listener = Listener(
            _Outlet(self, connection), session_id, self._address(connection, request)
        )
        self._hub.register(listener)
        try:
            events, now = await waits.read(opening, self._event_log, session_id)
            self._clock.learn(now)
            listener.public_only = self._check(token, session_id, now) is Use.WATCH
            history = [e for e in events if e.topic.startswith(protocol.TOPIC_PREFIX)]
            if not history:
                raise BadToken  # noqa: TRY301
        except BadToken:
            self._hub.leave(listener)
            await self._refuse(connection, protocol.CLOSE_BAD_TOKEN, "token")
            return None
        except LogUnavailable:
            self._hub.leave(listener)
            await self._refuse(connection, protocol.CLOSE_TRY_LATER, "the ledger is away")
            return None
        self._hub.open(listener, history, after)
        return listener

    def _check(self, token: str, session_id: UUID, now: datetime) -> Use:
        """What the token is good for.

        Raises:
            BadToken: nothing here.
        """
        try:
            self._tokens.check_session(Use.LIVE, token, session_id, now)
        except BadToken:
            self._tokens.check_session(Use.WATCH, token, session_id, now)
            return Use.WATCH
        return Use.LIVE

    async def _refuse(self, connection: ServerConnection, code: int, reason: str) -> None:
        self._on_part(code)
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

    def part(self, connection: ServerConnection, code: int, reason: str) -> None:
        """Close under a deadline, then abort: `close` alone can wait for ever on a full buffer."""
        self._on_part(code)
        task = asyncio.get_running_loop().create_task(_part(connection, code, reason))
        self._partings.add(task)
        task.add_done_callback(self._partings.discard)

    # Housekeeping.

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            text = protocol.heartbeat(self._clock.estimate())

            def beat(listener: Listener, text: str = text) -> None:
                if listener.waiting is None:
                    listener.hear(text)

            await in_steps(self._hub.listeners(), beat)

    async def _sweeps(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await in_steps(self._hub.listeners(), self._sweep)

    def _sweep(self, listener: Listener) -> None:
        if listener.socket.buffered() > BUFFER_BYTES_MAX:
            listener.socket.part(protocol.CLOSE_SLOW, "slow reader")
        elif listener.feed is not None and listener.feed.ended:
            now = time.monotonic()
            listener.ended_at = listener.ended_at or now
            if now - listener.ended_at > LINGER_SECONDS:
                listener.socket.part(protocol.CLOSE_DONE, "the session has ended")


class _Outlet:
    """A websocket as the hub sees it."""

    def __init__(self, notifier: Notifier, connection: ServerConnection) -> None:
        self._notifier = notifier
        self._connection = connection
        self._parted = False

    def buffered(self) -> int:
        return int(self._connection.transport.get_write_buffer_size())

    def send_soon(self, text: str) -> None:
        if not self._parted:
            with suppress(ConnectionClosed):
                broadcast([self._connection], text)  # one frame into the buffer, without waiting

    def part(self, code: int, reason: str) -> None:
        if not self._parted:
            self._parted = True
            self._notifier.part(self._connection, code, reason)


async def _part(connection: ServerConnection, code: int, reason: str) -> None:
    try:
        async with asyncio.timeout(PARTING_SECONDS):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()


def _parameters(path: str) -> tuple[UUID, str, int | None]:
    """Session, token and `after` of a live address.

    Raises:
        ValueError: one is missing, twice, or not what it should be.
    """
    found = parse_qs(urlsplit(path).query, keep_blank_values=True, max_num_fields=8)
    if any(len(values) != 1 for values in found.values()):
        msg = "a parameter is given twice"
        raise ValueError(msg)
    session_id = ids.decode("ps", found.get("session", [""])[0])
    token = found.get("token", [""])[0]
    after = found.get("after")
    return session_id, token, None if after is None else _seq(after[0])


def _seq(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004
        msg = "after is not a version"
        raise ValueError(msg)
    return int(text)
