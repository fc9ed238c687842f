"""A notifier on a log in memory, with clients over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from api.http.connections import ConnectionLimits
from api.live.config import LiveConfig
from api.live.merchant_admission import MerchantServices
from api.live.merchant_messages import MerchantMessages
from api.live.server import Notifier
from api.tokens import Tokens, Use
from api.views.sessions import SessionViews
from application.commands.issue_key import IssueKey
from domain import ids
from domain.merchants.api_key import SECRET_BYTES, BearerKey, Role
from tests.support.documents import document_services
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.memory_open_sessions import MemoryOpenSessions
from tests.support.memory_tickets import MemoryTickets

TOKENS = Tokens(b"s" * 32)
LIMITS = ConnectionLimits(
    sweep_seconds=0.02, first_byte_seconds=60.0, headers_seconds=60.0, linger_seconds=60.0
)
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def memory_merchants(log: MemoryLog, tokens: Tokens) -> MerchantServices:
    """What merchants' sockets need, in memory."""
    return MerchantServices(
        tickets=MemoryTickets(lambda: log.clock),
        open_sessions=MemoryOpenSessions(log),
        messages=MerchantMessages(SessionViews(document_services().config, tokens)),
    )


class LiveFixture:
    """The notifier, its ledger, and the feed that `follow` stands in for."""

    def __init__(self, **settings: Any) -> None:
        self.log = MemoryLog()
        self.ledger = LedgerFixture(self.log)
        self.position = self.log.head()
        """The last position fed to the notifier."""
        self.on_resume: Callable[[], object] = lambda: None
        """Called when the feed is resumed."""
        config: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 0,
            "origins": ("https://pay.example",),
            "per_address": 100,
            "total": 100,
            "trusted_proxies": (),
            "livemode": False,
            **settings,
        }
        self.disconnects: list[int] = []
        """Close codes of the disconnects by the notifier."""
        self.merchants = memory_merchants(self.log, TOKENS)
        self._make_notifier: Callable[[], Notifier] = lambda: Notifier(
            LiveConfig(**config),
            log=self.log,
            tokens=TOKENS,
            merchants=self.merchants,
            resume_feed=lambda: self.on_resume(),  # noqa: PLW0108 - replaced by tests
            on_disconnect=self.disconnects.append,
            exposition=lambda: b"figures 1\n",
        )
        self.notifier = self._make_notifier()
        self._keys: dict[UUID, UUID] = {}

    async def restart(self) -> None:
        """Close the notifier and open another one, on another port."""
        await self.notifier.close()
        self.notifier = self._make_notifier()
        await self.notifier.open()

    def token(self, session: UUID, use: Use = Use.LIVE) -> str:
        return TOKENS.for_session(use, session, self.ledger.session(session).expires_at)

    def url(self, session: UUID, after: int | None = None, token: str | None = None) -> str:
        token = token or self.token(session)
        resume = "" if after is None else f"&after={after}"
        place = f"127.0.0.1:{self.notifier.port}"
        return f"ws://{place}/live?session={ids.encode('ps', session)}&token={token}{resume}"

    def key(self, ledger: LedgerFixture | None = None) -> UUID:
        """A new key of the merchant."""
        ledger = ledger or self.ledger
        key = BearerKey.make(
            mode="test", role=Role.MERCHANT, key_id=ledger.new_id(), random=bytes(SECRET_BYTES)
        )
        ledger.send(IssueKey(key=key, holder_id=ledger.merchant))
        return key.key_id

    def ticket(self, key: UUID | None = None, ledger: LedgerFixture | None = None) -> str:
        """A new ticket for all sessions of the merchant; its keys are issued once."""
        ledger = ledger or self.ledger
        if key is None:
            key = self._keys.get(ledger.merchant_id) or self.key(ledger)
            self._keys[ledger.merchant_id] = key
        ticket_id = ledger.new_id()
        text, expires_at = TOKENS.for_ticket(ticket_id, ledger.merchant_id, key, self.log.clock)
        self.merchants.tickets.keep(ticket_id, expires_at)
        return text

    def merchant_url(self, after: int | str | None = None, ticket: str = "") -> str:
        """The socket of all sessions of the merchant, with a new ticket by default."""
        resume = "" if after is None else f"&after={after}"
        place = f"127.0.0.1:{self.notifier.port}"
        return f"ws://{place}/live?ticket={ticket or self.ticket()}{resume}"

    async def follow(self) -> None:
        page = self.log.read(self.position, 1000)
        self.position = self.log.head()
        await asyncio.to_thread(self.notifier.feed, page)
        await asyncio.to_thread(self.notifier.feed_merchants, page)

    async def open_raw(self, data: bytes = b"") -> Stream:
        """A TCP connection to the live port."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.notifier.port)
        writer.write(data)
        return reader, writer

    async def get(self, path: str, *headers: str) -> str:
        """The response to a plain HTTP request."""
        lines = [f"GET {path} HTTP/1.1", "Host: x", *headers, "", ""]
        reader, writer = await self.open_raw("\r\n".join(lines).encode())
        response = await read_to_end(reader)
        writer.close()
        return response.decode()


Scenario = Callable[[LiveFixture], Awaitable[None]]


def play(scenario: Scenario, limits: dict[str, Any] | None = None, **settings: Any) -> None:
    """Run a scenario against an open notifier; without `limits`, connections never time out."""

    async def run() -> None:
        live = LiveFixture(limits=replace(LIMITS, **limits or {}), **settings)
        await live.notifier.open()
        try:
            await scenario(live)
        finally:
            await live.notifier.close()

    asyncio.run(asyncio.wait_for(run(), 60))


async def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 10))
    return message


async def close_code(socket: ClientConnection) -> int:
    try:
        while True:
            await asyncio.wait_for(socket.recv(), 15)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            return await reader.read()
        return b""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.01)
