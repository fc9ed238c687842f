"""The notifier over real sockets: tokens, origins, caps, resume, slow readers, shutdown."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.live import server as module
from api.live.server import LiveConfig, Notifier
from api.tokens import Tokens, Use
from domain import ids
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

TOKENS = Tokens(b"s" * 32)


class Stage:
    """A notifier on a log in memory; `tell` plays the follower."""

    def __init__(self, **facts: Any) -> None:
        self.log = MemoryLog()
        self.ledger = LedgerFixture(self.log)
        self.told = self.log.head()
        config: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 0,
            "origins": ("https://pay.example",),
            "per_address": 100,
            "total": 100,
            "trusted_proxies": (),
            **facts,
        }
        self.parted: list[int] = []
        self.notifier = Notifier(
            LiveConfig(**config),
            log=self.log,
            tokens=TOKENS,
            on_disconnect=self.parted.append,
            exposition=lambda: b"figures 1\n",
        )

    def url(self, session: UUID, after: int | None = None, token: str | None = None) -> str:
        token = token or TOKENS.for_session(
            Use.LIVE, session, self.ledger.session(session).expires_at
        )
        resume = "" if after is None else f"&after={after}"
        place = f"127.0.0.1:{self.notifier.port}"
        return f"ws://{place}/live?session={ids.encode('ps', session)}&token={token}{resume}"

    async def tell(self) -> None:
        page = self.log.read(self.told, 1000)
        self.told = self.log.head()
        await asyncio.to_thread(self.notifier.feed, page)


def play(story: Callable[[Stage], Awaitable[None]], **facts: Any) -> None:
    async def run() -> None:
        stage = Stage(**facts)
        await stage.notifier.open()
        try:
            await story(stage)
        finally:
            await stage.notifier.close()

    asyncio.run(asyncio.wait_for(run(), 30))


async def receive(socket: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 10))
    return told


async def close_code(socket: ClientConnection) -> int:
    try:
        while True:
            await asyncio.wait_for(socket.recv(), 15)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


def test_a_screen_hears_of_everything_in_order() -> None:
    async def story(stage: Stage) -> None:
        ledger = stage.ledger
        session, wallet = ledger.create_session(), ledger.open_wallet()
        async with connect(stage.url(session)) as screen:
            first = await receive(screen)
            claim = ledger.claim_session(session, wallet)
            await stage.tell()
            second = await receive(screen)
            ledger.send(ledger.pay(session, wallet, claim))
            await stage.tell()
            third = await receive(screen)

        assert [one["type"] for one in (first, second, third)] == ["snapshot", "event", "event"]
        assert [one["seq"] for one in (first, second, third)] == [1, 2, 3]
        assert third["session"]["status"] == "paid"
        assert third["position"] == stage.log.head()

    play(story)


def test_a_screen_that_comes_back_hears_what_it_missed() -> None:
    async def story(stage: Stage) -> None:
        ledger = stage.ledger
        session, wallet = ledger.create_session(), ledger.open_wallet()
        ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))
        async with connect(stage.url(session, after=1)) as screen:
            told = [await receive(screen), await receive(screen)]
        assert [(one["type"], one["seq"]) for one in told] == [("event", 2), ("event", 3)]

    play(story)


def test_a_watchers_token_shows_the_public_part_only() -> None:
    async def story(stage: Stage) -> None:
        session = stage.ledger.create_session()
        expires_at = stage.ledger.session(session).expires_at
        token = TOKENS.for_session(Use.WATCH, session, expires_at)
        async with connect(stage.url(session, token=token)) as wallet:
            told = await receive(wallet)
        async with connect(stage.url(session)) as screen:
            full = await receive(screen)
        assert not {"order_id", "return_url"} & set(told["session"])
        assert full["session"]["order_id"] == str(session)

    play(story)


@pytest.mark.parametrize(
    "what", ["wrong", "foreign", "unknown", "expired", "none", "after", "checkout"]
)
def test_a_bad_token_is_closed_with_4001(what: str) -> None:
    async def story(stage: Stage) -> None:
        session, other = stage.ledger.create_session(), stage.ledger.create_session()
        url = stage.url(session)
        place = url.partition("/live")[0]
        if what == "wrong":
            url = stage.url(session, token="1.2")
        elif what == "foreign":
            token = TOKENS.for_session(Use.LIVE, other, stage.ledger.session(other).expires_at)
            url = stage.url(session, token=token)
        elif what == "unknown":
            missing = UUID(int=1)
            token = TOKENS.for_session(Use.LIVE, missing, stage.ledger.session(other).expires_at)
            url = f"{place}/live?session={ids.encode('ps', missing)}&token={token}"
        elif what == "checkout":
            expires_at = stage.ledger.session(session).expires_at
            url = stage.url(session, token=TOKENS.for_session(Use.CHECKOUT, session, expires_at))
        elif what == "expired":
            stage.log.advance(900 + 3601)
        elif what == "none":
            url = f"{place}/live"
        else:
            url = stage.url(session) + "&after=-1"
        async with connect(url) as screen:
            assert await close_code(screen) == 4001

    play(story)


def test_a_foreign_page_is_refused_and_ours_is_not() -> None:
    async def story(stage: Stage) -> None:
        url = stage.url(stage.ledger.create_session())
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, origin="https://evil.example")  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
        async with connect(url, origin="https://pay.example") as screen:  # type: ignore[arg-type]
            assert (await receive(screen))["type"] == "snapshot"

    play(story)


@pytest.mark.parametrize("cap", ["per_address", "total"])
def test_caps_answer_429(cap: str) -> None:
    async def story(stage: Stage) -> None:
        url = stage.url(stage.ledger.create_session())
        async with connect(url) as one, connect(url) as two:
            await receive(one)
            await receive(two)
            with pytest.raises(InvalidStatus) as refused:
                await connect(url)
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"]
        async with connect(url) as three:
            assert (await receive(three))["seq"] == 1

    play(story, **{cap: 2})


def test_other_addresses_are_plain_http() -> None:
    async def story(stage: Stage) -> None:
        async def get(path: str) -> str:
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.notifier.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = (await reader.read()).decode()
            writer.close()
            return answer

        assert " 200 " in (await get("/healthz")).splitlines()[0]
        assert "figures 1" in await get("/metrics")
        assert " 404 " in (await get("/other")).splitlines()[0]

    play(story)


def test_a_client_that_talks_is_shown_out_and_an_oversize_frame_ends_it() -> None:
    async def story(stage: Stage) -> None:
        url = stage.url(stage.ledger.create_session())
        async with connect(url) as chatty:
            for _ in range(module.INBOUND_MAX):
                await chatty.send("hello")
            assert await close_code(chatty) == 1008
        async with connect(url) as large:
            await large.send("x" * 5000)
            assert await close_code(large) == 1009

    play(story)


def test_a_session_that_has_ended_closes_its_sockets_in_peace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.0)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.05)

    async def story(stage: Stage) -> None:
        session = stage.ledger.create_session()
        stage.ledger.send(stage.ledger.cancel(session))
        async with connect(stage.url(session)) as screen:
            assert (await receive(screen))["session"]["status"] == "cancelled"
            assert await close_code(screen) == 1000

    play(story)


def test_heartbeats_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)

    async def story(stage: Stage) -> None:
        async with connect(stage.url(stage.ledger.create_session())) as screen:
            assert (await receive(screen))["type"] == "snapshot"
            beat = await receive(screen)
            assert beat["type"] == "heartbeat"
            assert beat["server_time"].endswith("Z")

    play(story)


def test_a_peer_that_never_reads_is_cut_and_does_not_hold_the_shutdown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.5)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.0005)  # keeps the buffer growing

    async def story(stage: Stage) -> None:
        url = stage.url(stage.ledger.create_session(description="x" * 200))
        path = url[url.index("/live") :]
        slow_readers = [
            await asyncio.to_thread(_slow_reader, stage.notifier.port, path) for _ in range(2)
        ]
        until = time.monotonic() + 15
        while 4008 not in stage.parted and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert 4008 in stage.parted
        started = time.monotonic()
        await stage.notifier.close()
        assert time.monotonic() - started < module.SHUTDOWN_SECONDS + 2
        for one in slow_readers:
            one.close()

    play(story)


def _slow_reader(port: int, path: str) -> socket.socket:
    """Completes the upgrade and never reads again."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", port))
    raw.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b"101" in raw.recv(64)
    return raw
