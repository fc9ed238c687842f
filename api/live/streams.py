"""The event streams of an API process: who may have one, what they get, and their end.

They are fed and admitted like the sockets of the notifier, with the same hub, so the same promises
hold. Each is a request that goes on, so they have limits of their own and leave room for others.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol
from uuid import UUID

from api.http import addresses
from api.http.connections import CONNECTIONS_MAX
from api.http.messages import HttpRequest, HttpResponse
from api.http.streaming import StreamedResponse
from api.live import event_stream, protocol
from api.live.admission import Admission, Full
from api.live.event_stream import EventStream
from api.live.hub import BUFFER_BYTES_MAX, Hub, Listener, for_each
from api.tokens import BadToken, Tokens
from application.errors import Overloaded, TooManyStreams, Unauthorized
from application.event_log import EventLog, Recorded
from application.reader import LedgerClock

SWEEP_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 5.0
"""How long a stream stays open after its session has ended."""
AGE_SECONDS_MAX: Final = 3600.0
DISPATCH_SECONDS: Final = 5.0
STREAMS_PER_ADDRESS: Final = 64
STREAMS_MAX: Final = 1000
SHARE: Final = 2
"""Streams hold at most half of the connections of their process."""
NO_CONTENT: Final = 204
"""Tells a browser not to reconnect (WHATWG HTML, 9.2.3)."""


class StreamFeed(Protocol):
    """What feeds the streams; rests while there are none."""

    def start(self) -> None:
        """Follow the log, in threads."""
        ...

    def resume(self) -> int:
        """Follow the log from its head on, if the feed rested."""
        ...

    def close(self) -> None:
        """Stop following, and wait for the threads."""
        ...


class Streams:
    """Admits streams, hands events to them, and ends them."""

    def __init__(
        self,
        *,
        log: EventLog,
        tokens: Tokens,
        feed: Callable[[], StreamFeed],
        livemode: bool,
        per_address: int = STREAMS_PER_ADDRESS,
        total: int = STREAMS_MAX,
        connections: int = CONNECTIONS_MAX,
        on_open: Callable[[int], None] = lambda _count: None,
        on_disconnect: Callable[[int], None] = lambda _code: None,
    ) -> None:
        """No stream is open.

        Args:
            log: the event log.
            tokens: checks the sessions' tokens.
            feed: calls `deliver`; asked for when it is needed, as it is made later.
            livemode: whether the ledger is live.
            per_address: streams of one address; 0 for no limit.
            total: streams of this process; 0 for as many as there may be.
            connections: the limit on connections of this process.
            on_open: called with the number of streams whenever it changes.
            on_disconnect: called with the code whenever this process ends a stream.
        """
        self._feed = feed
        self._per_address = per_address
        self._total = min(total or connections, connections // SHARE)
        self._on_open = on_open
        self._on_disconnect = on_disconnect
        self._tokens = tokens
        self._clock = LedgerClock(log)
        self._hub = Hub(self._clock.estimate, livemode=livemode)
        self._admission = Admission(
            log, tokens, self._clock, self._hub, lambda: self._feed().resume()
        )
        self._addresses: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._draining = False

    @property
    def has_listeners(self) -> bool:
        """Whether anybody needs the log's events. Safe in any thread."""
        return not self._hub.is_empty

    async def open(self) -> None:
        """Start to follow the log, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._sweeping = asyncio.create_task(self._sweeps())
        self._feed().start()

    def drain(self) -> None:
        """End every stream, and admit no others: the server is about to stop."""
        self._draining = True
        for listener in self._hub.listeners():
            listener.socket.disconnect(protocol.CLOSE_RESTART, "restart")

    async def close(self) -> None:
        """Stop following the log."""
        self.drain()
        if self._sweeping is not None:
            self._sweeping.cancel()
        await asyncio.to_thread(self._feed().close)

    def deliver(self, events: Sequence[Recorded]) -> None:
        """Send events of sessions to their streams; called from the feed's thread.

        Returns when every event is in the streams' buffers, or after `DISPATCH_SECONDS`.
        """
        loop = self._loop
        if not events or loop is None or loop.is_closed():
            return
        with suppress(TimeoutError, RuntimeError):
            taking = self._hub.take_in(events, self._clock)
            asyncio.run_coroutine_threadsafe(taking, loop).result(DISPATCH_SECONDS)

    async def admit(
        self, request: HttpRequest, address: str, session_id: UUID, token: str, after: int | None
    ) -> HttpResponse:
        """The response that is a stream, or 204 if the session has ended and nothing was missed.

        Args:
            request: tells when the client is gone.
            address: the client's.
            session_id: the session.
            token: a token of its live socket.
            after: the last `seq` the client has; None if it has none.

        Raises (checked in this order):
            Overloaded: the process is about to stop.
            TooManyStreams: the process or the address has as many as it may have.
            Unauthorized: the token is not valid for the session.
            TooManyStreams: the session has as many as it may have.
            LogUnavailable: the events cannot be read.
        """
        if self._is_draining():
            raise Overloaded(reason="the process is about to stop")
        network = addresses.network_of(address)
        if self._addresses.total() >= self._total:
            raise TooManyStreams(owner="This process", limit=self._total)
        if self._per_address and self._addresses[network] >= self._per_address:
            raise TooManyStreams(owner="This address", limit=self._per_address)
        stream = EventStream(self._on_disconnect)
        self._count(network, 1)
        try:
            listener = await self._listen(session_id, token, after, stream)
        except BaseException:
            self._count(network, -1)
            raise
        stream.leave = partial(self._leave, listener, network)
        feed = listener.feed
        if feed is not None and feed.ended and after == feed.seq:
            await stream.close()
            return HttpResponse(b"", status_code=NO_CONTENT, headers={"Cache-Control": "no-store"})
        if self._is_draining():  # since the first check
            stream.disconnect(protocol.CLOSE_RESTART, "restart")
        return StreamedResponse(
            stream, request, media_type=event_stream.MEDIA_TYPE, headers=event_stream.HEADERS
        )

    def _is_draining(self) -> bool:
        return self._draining

    async def _listen(
        self, session_id: UUID, token: str, after: int | None, stream: EventStream
    ) -> Listener:
        jitter = random.uniform(0.9, 1.0)  # noqa: S311 - not a secret
        stream.until = asyncio.get_running_loop().time() + AGE_SECONDS_MAX * jitter
        try:
            listener = await self._admission.listen(session_id, token, after, stream, stays=False)
        except BadToken:
            raise Unauthorized(reason="The token is not valid for this session") from None
        except Full as full:
            raise TooManyStreams(owner="This session", limit=full.limit) from None
        stream.expires_at = self._tokens.session_token_expiry(token)
        return listener

    def _leave(self, listener: Listener, network: str) -> None:
        self._hub.unregister(listener)
        self._count(network, -1)

    def _count(self, network: str, change: int) -> None:
        self._addresses[network] += change
        if not self._addresses[network]:
            del self._addresses[network]
        self._on_open(self._addresses.total())

    async def _sweeps(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await for_each(self._hub.listeners(), self._sweep)

    def _sweep(self, listener: Listener) -> None:
        """End a stream that is too slow or too old, whose token ended, or whose session did."""
        stream: Any = listener.socket
        now = asyncio.get_running_loop().time()
        if stream.buffered_bytes() > BUFFER_BYTES_MAX:
            stream.disconnect(protocol.CLOSE_SLOW, "slow reader")
        elif self._clock.estimate() >= stream.expires_at:
            stream.disconnect(protocol.CLOSE_BAD_TOKEN, "the token has expired")
        elif now > stream.until:
            stream.disconnect(protocol.CLOSE_RESTART, "reconnect")
        elif listener.seconds_since_end(now) > LINGER_SECONDS:
            stream.disconnect(protocol.CLOSE_DONE, "the session has ended")
