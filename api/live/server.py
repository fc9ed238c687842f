"""The notifier: WebSockets on one event loop, fed by the log's feed.

A listener is registered first, then its history is read, then the initial messages are sent: any
other order could lose an event. There is no compression; frames, handshakes, sockets and send
buffers are limited, and a shutdown takes a bounded time.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from api.http import addresses
from api.http.connections import ConnectionTable
from api.http.problems import to_bytes
from api.http.request_ids import RequestIds
from api.http.security_headers import security_headers
from api.live import protocol
from api.live.admission import Admission, Refusal
from api.live.config import LiveConfig
from api.live.connection import CLOSE_SECONDS, WebSocketConnection
from api.live.handshake import LimitedConnection
from api.live.hub import BUFFER_BYTES_MAX, Hub, Listener, for_each
from api.live.merchant_admission import MerchantAdmission, MerchantServices, has_ticket
from api.live.merchant_events import LiveLog, MerchantEvents
from api.live.merchant_hub import MERCHANT_BUFFER_BYTES_MAX, MerchantHub, MerchantListener
from api.tokens import Tokens
from application.event_log import Recorded
from application.reader import LedgerClock
from domain.merchants.api_key import ApiKey

HEARTBEAT_SECONDS: Final = 25.0
PING_SECONDS: Final = 20.0
SWEEP_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 5.0
"""How long a socket stays open after its session has ended."""
STAY_SECONDS: Final = 900.0
"""How long it stays open after a payment if its address says `stay=true`: refunds may follow."""
SHUTDOWN_SECONDS: Final = 5.0
AGE_SECONDS_MAX: Final = 3600.0
SEND_BUFFER_BYTES: Final = 65_536
FRAME_BYTES_MAX: Final = 4096
INBOUND_MESSAGES_MAX: Final = 5
INBOUND_QUEUE_MAX: Final = 4
RETRY_AFTER_SECONDS: Final = 5
LISTEN_BACKLOG: Final = 2048


class Notifier:
    """Serves `/live`, `/healthz` and, for requests from this machine, `/metrics`."""

    def __init__(
        self,
        config: LiveConfig,
        *,
        log: LiveLog,
        tokens: Tokens,
        merchants: MerchantServices,
        resume_feed: Callable[[], object] = lambda: None,
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
        self._hub = Hub(self._clock.estimate, livemode=config.livemode)
        self._admission = Admission(log, tokens, self._clock, self._hub, resume_feed)
        self._merchant_hub, self._merchant_events = MerchantHub(), MerchantEvents(log)
        self._messages = merchants.messages
        self._merchant_admission = MerchantAdmission(
            log,
            tokens,
            self._clock,
            self._merchant_hub,
            self._merchant_events,
            resume_feed,
            merchants,
        )
        self._connections: set[ServerConnection] = set()
        self._table = ConnectionTable(config.connections, config.trusted_proxies, on_full=on_full)
        self._sockets: dict[ServerConnection, str] = {}
        """Sockets and the address of each, from the moment their handshake is accepted."""
        self._per_address: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining = False

    @property
    def has_listeners(self) -> bool:
        """Whether anybody needs the log's events. Safe in any thread."""
        return not (self._hub.is_empty and self._merchant_hub.is_empty)

    @property
    def port(self) -> int:
        """The port it listens on; once open, the actual one."""
        if self._server is None:
            return self._config.port
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def open(self) -> None:
        """Start listening.

        Raises:
            OSError: the port is in use.
        """
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self._config.host else socket.AF_INET
        listening = socket.create_server((self._config.host, self._config.port), family=family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        limits = self._config.limits
        config = self._config
        headers = security_headers(secure=config.secure, api_origin=config.api_origin)
        refusal = partial(to_bytes, default_headers=headers)
        connection: Any = partial(LimitedConnection, self._table, refusal, self._release)
        self._server = await serve(
            self._handle,
            sock=listening,
            backlog=LISTEN_BACKLOG,
            create_connection=connection,
            open_timeout=limits.first_byte_seconds + limits.headers_seconds + CLOSE_SECONDS,
            origins=[*self._config.origins, None],  # type: ignore[list-item]
            process_request=self._process_request,
            process_response=partial(_name_request, headers.request_ids),
            compression=None,
            max_size=FRAME_BYTES_MAX,
            max_queue=INBOUND_QUEUE_MAX,
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
        """Close all connections in bounded steps, at most about 10 s, then abort the rest."""
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

    def feed(self, events: Sequence[Recorded]) -> None:
        """Send events of sessions to their listeners; called from the feed's thread.

        After an advance of the test clock every listener is shown its session at the new time.

        Returns when every event is in the listeners' buffers, or after `SHUTDOWN_SECONDS`.
        """
        if events:
            self._run_in_loop(partial(self._hub.take_in, events, self._clock))

    def feed_merchants(self, events: Sequence[Recorded]) -> None:
        """Send events of sessions to the listeners of their merchants; called from a thread.

        What the events do not say is read from the log, so this has a thread of its own: sessions'
        listeners do not wait for it. Returns like `feed`.

        Raises:
            LogUnavailable: nothing was sent, so that the same events can be fed again.
        """
        if not events or self._merchant_hub.is_empty:
            return
        revoked = [one.stream_id for one in events if one.topic == ApiKey.Revoked.TOPIC]
        of_sessions = [one for one in events if one.topic in protocol.TOPICS]
        heard = self._merchant_events.of_merchants(of_sessions, self._merchant_hub.has)
        now = self._clock.estimate()
        messages = [self._messages.event(one, now) for one in heard]
        if messages or revoked:
            self._run_in_loop(partial(self._merchant_hub.dispatch, messages, revoked))

    def _run_in_loop(self, send: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        with suppress(TimeoutError, RuntimeError):
            asyncio.run_coroutine_threadsafe(send(), loop).result(SHUTDOWN_SECONDS)

    # The handshake.

    async def _process_request(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        path = urlsplit(request.path).path
        if path != "/live":
            return self._plain_http(path, connection, request)
        if self._draining:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "restarting\n")
        client = addresses.client_address(*self._forwarding(connection, request))
        address = addresses.network_of(client)
        each = self._config.per_address
        full = len(self._sockets) >= self._config.sockets
        if full or (each and self._per_address[address] >= each):
            response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "too many sockets\n")
            response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return response
        self._sockets[connection] = address
        self._per_address[address] += 1
        self._table.mark_active(connection)  # type: ignore[arg-type]
        return None

    def _release(self, connection: ServerConnection) -> None:
        """Release the place of a closed connection, if it had one."""
        address = self._sockets.pop(connection, None)
        if address is None:
            return
        self._per_address[address] -= 1
        if not self._per_address[address]:
            del self._per_address[address]

    def _plain_http(self, path: str, connection: ServerConnection, request: Request) -> Response:
        """The responses for monitoring, and for a person who opens the address in a browser."""
        if path == "/healthz" and (halted := self._halted()):
            text = f"halted: {', '.join(halted)}\n"
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, text)
        if path == "/healthz":
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path == "/metrics" and addresses.is_local(*self._forwarding(connection, request)):
            return connection.respond(HTTPStatus.OK, self._exposition().decode())
        if path == "/":
            pages = next(iter(self._config.origins), "")
            text = f"This is the live socket of a qrledger; its pages are at {pages}/\n"
            return connection.respond(HTTPStatus.OK, text)
        return connection.respond(HTTPStatus.NOT_FOUND, "not found\n")

    def _forwarding(
        self, connection: ServerConnection, request: Request
    ) -> tuple[str, list[str], tuple[str, ...]]:
        """Peer, `X-Forwarded-For` and trusted proxies: the arguments of `api.http.addresses`."""
        peer = str(connection.remote_address[0]) if connection.remote_address else ""
        return peer, request.headers.get_all("X-Forwarded-For"), self._config.trusted_proxies

    # One connection.

    async def _handle(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        self._on_open(len(self._connections))
        listener: Listener | MerchantListener | None = None
        try:
            path = connection.request.path if connection.request else ""
            websocket = WebSocketConnection(connection, self._on_disconnect)
            admission = self._merchant_admission if has_ticket(path) else self._admission
            listener = await admission.admit(path, websocket)
            await self._wait_for_close(connection)
        except Refusal as refusal:
            await self._refuse(connection, refusal.code, refusal.reason)
        except ConnectionClosed:
            pass
        finally:
            if isinstance(listener, MerchantListener):
                self._merchant_hub.unregister(listener)
            elif listener is not None:
                self._hub.unregister(listener)
            self._connections.discard(connection)
            self._on_open(len(self._connections))

    async def _refuse(self, connection: ServerConnection, code: int, reason: str) -> None:
        self._on_disconnect(code)
        await connection.close(code, reason)

    async def _wait_for_close(self, connection: ServerConnection) -> None:
        """Wait until the client leaves, sends too many messages, or the socket is too old."""
        lifetime = AGE_SECONDS_MAX * random.uniform(0.9, 1.0)  # noqa: S311 - jitter, not a secret
        with suppress(TimeoutError):
            async with asyncio.timeout(lifetime):
                for _ in range(INBOUND_MESSAGES_MAX):
                    await connection.recv()
                await self._refuse(connection, protocol.CLOSE_POLICY, "no messages are expected")
                return
        await connection.close(protocol.CLOSE_RESTART, "reconnect")

    # Periodic tasks.

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            text = protocol.heartbeat(self._clock.estimate())

            def send_heartbeat(listener: Listener | MerchantListener, text: str = text) -> None:
                if listener.backlog is None:
                    listener.send(text)

            await for_each(self._hub.listeners(), send_heartbeat)
            await for_each(self._merchant_hub.listeners(), send_heartbeat)

    async def _sweeps(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await for_each(self._hub.listeners(), self._sweep)
            await for_each(self._merchant_hub.listeners(), self._sweep_merchant)

    @staticmethod
    def _sweep_merchant(listener: MerchantListener) -> None:
        """Disconnect a slow listener; one that still catches up has a limit of its own."""
        full = listener.socket.buffered_bytes() > MERCHANT_BUFFER_BYTES_MAX
        if full and listener.backlog is None:
            listener.socket.disconnect(protocol.CLOSE_SLOW, "slow reader")

    def _sweep(self, listener: Listener) -> None:
        """Disconnect a slow listener, and one whose session ended some time ago."""
        if listener.socket.buffered_bytes() > BUFFER_BYTES_MAX:
            listener.socket.disconnect(protocol.CLOSE_SLOW, "slow reader")
            return
        stays = listener.stays and listener.feed is not None and listener.feed.paid
        limit = STAY_SECONDS if stays else LINGER_SECONDS
        if listener.seconds_since_end(time.monotonic()) > limit:
            listener.socket.disconnect(protocol.CLOSE_DONE, "the session has ended")


def _name_request(
    request_ids: RequestIds,
    connection: ServerConnection,  # noqa: ARG001 - the library's signature
    request: Request,
    response: Response,
) -> None:
    """Name the request in the response to a handshake, as the API does."""
    values = request.headers.get_all("X-Request-Id")
    named = values[0].encode("ascii", "replace") if len(values) == 1 else b""
    response.headers["Request-Id"] = request_ids.new(named=named).request_id
