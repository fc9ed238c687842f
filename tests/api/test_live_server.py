"""The notifier over real sockets: tokens, origins, limits, resume, slow readers, shutdown."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.live import connection as connection_module
from api.live import server as module
from api.tokens import Use
from application.commands.advance_clock import AdvanceClock
from application.commands.refund_session import RefundSession
from domain import ids, times
from domain.money.money import Money
from domain.payouts.debits import Credits
from tests.support.live_fixture import TOKENS, LiveFixture, close_code, play, receive
from tests.support.memory_log import START


def test_a_listener_gets_every_event_in_order() -> None:
    async def scenario(live: LiveFixture) -> None:
        ledger = live.ledger
        session, wallet = ledger.create_session(), ledger.open_wallet()
        async with connect(live.url(session)) as screen:
            first = await receive(screen)
            claim = ledger.claim_session(session, wallet)
            await live.follow()
            second = await receive(screen)
            ledger.send(ledger.pay(session, wallet, claim))
            await live.follow()
            third = await receive(screen)

        assert [message["type"] for message in (first, second, third)] == [
            "snapshot",
            "event",
            "event",
        ]
        assert [message["seq"] for message in (first, second, third)] == [1, 2, 3]
        assert third["session"]["status"] == "paid"
        assert third["position"] == live.log.head()

    play(scenario)


def test_a_listener_that_resumes_gets_what_it_missed() -> None:
    async def scenario(live: LiveFixture) -> None:
        ledger = live.ledger
        session, wallet = ledger.create_session(), ledger.open_wallet()
        ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))
        async with connect(live.url(session, after=1)) as screen:
            messages = [await receive(screen), await receive(screen)]
        assert [(message["type"], message["seq"]) for message in messages] == [
            ("event", 2),
            ("event", 3),
        ]

    play(scenario)


@pytest.mark.parametrize("use", [Use.LIVE, Use.WATCH])
@pytest.mark.parametrize(("seconds", "status"), [(600, "created"), (900, "expired")])
def test_an_advance_of_the_test_clock_shows_the_session_at_the_new_time(
    use: Use, seconds: int, status: str
) -> None:
    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session(expires_in_seconds=900)
        async with connect(live.url(session, token=live.token(session, use))) as screen:
            before = await receive(screen)
            live.ledger.send(AdvanceClock(seconds=seconds, mode="test"))
            await live.follow()
            shown = await receive(screen)
            live.ledger.try_send(live.ledger.expire(session))
            live.ledger.create_session()
            await live.follow()
            if status == "expired":
                pushed = await receive(screen)
                assert (pushed["type"], pushed["event"]) == ("event", "payment_session.expired")
                assert pushed["server_time"] >= shown["server_time"]

        assert (shown["type"], shown["seq"]) == ("snapshot", before["seq"])
        assert shown["session"]["status"] == status
        assert times.from_text(shown["server_time"]) >= START + timedelta(seconds=seconds)
        assert ("order_id" in shown["session"]) is (use is Use.LIVE)

    play(scenario)


def test_a_watcher_sees_only_the_public_part() -> None:
    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session()
        async with connect(live.url(session, token=live.token(session, Use.WATCH))) as wallet:
            public = await receive(wallet)
        async with connect(live.url(session)) as screen:
            full = await receive(screen)
        assert not {"order_id", "return_url"} & set(public["session"])
        assert full["session"]["order_id"] == str(session)

    play(scenario)


@pytest.mark.parametrize(
    "case", ["wrong", "foreign", "unknown", "expired", "none", "after", "checkout"]
)
def test_a_bad_token_is_closed_with_4001(case: str) -> None:
    async def scenario(live: LiveFixture) -> None:
        session, other = live.ledger.create_session(), live.ledger.create_session()
        url = live.url(session)
        place = url.partition("/live")[0]
        if case == "wrong":
            url = live.url(session, token="1.2")
        elif case == "foreign":
            url = live.url(session, token=live.token(other))
        elif case == "unknown":
            missing = UUID(int=1)
            token = TOKENS.for_session(Use.LIVE, missing, live.ledger.session(other).expires_at)
            url = f"{place}/live?session={ids.encode('ps', missing)}&token={token}"
        elif case == "checkout":
            url = live.url(session, token=live.token(session, Use.CHECKOUT))
        elif case == "expired":
            live.log.advance(900 + 3601)
        elif case == "none":
            url = f"{place}/live"
        else:
            url = live.url(session) + "&after=-1"
        async with connect(url) as screen:
            assert await close_code(screen) == 4001

    play(scenario)


def test_pages_of_other_origins_are_refused() -> None:
    async def scenario(live: LiveFixture) -> None:
        url = live.url(live.ledger.create_session())
        with pytest.raises(InvalidStatus) as error:
            await connect(url, origin="https://evil.example")  # type: ignore[arg-type]
        assert error.value.response.status_code == 403
        async with connect(url, origin="https://pay.example") as screen:  # type: ignore[arg-type]
            assert (await receive(screen))["type"] == "snapshot"

    play(scenario)


@pytest.mark.parametrize("limit", ["per_address", "total"])
def test_a_socket_over_the_limit_is_429(limit: str) -> None:
    async def scenario(live: LiveFixture) -> None:
        url = live.url(live.ledger.create_session())
        async with connect(url) as one, connect(url) as two:
            await receive(one)
            await receive(two)
            with pytest.raises(InvalidStatus) as error:
                await connect(url)
            assert error.value.response.status_code == 429
            assert error.value.response.headers["Retry-After"]
        async with connect(url) as three:
            assert (await receive(three))["seq"] == 1

    settings: dict[str, Any] = {limit: 2}
    play(scenario, **settings)


def test_other_paths_are_plain_http() -> None:
    async def scenario(live: LiveFixture) -> None:
        async def get(path: str) -> str:
            reader, writer = await asyncio.open_connection("127.0.0.1", live.notifier.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            response = (await reader.read()).decode()
            writer.close()
            return response

        assert " 200 " in (await get("/healthz")).splitlines()[0]
        assert "figures 1" in await get("/metrics")
        assert " 404 " in (await get("/other")).splitlines()[0]

    play(scenario)


def test_a_client_that_sends_messages_or_an_oversize_frame_is_disconnected() -> None:
    async def scenario(live: LiveFixture) -> None:
        url = live.url(live.ledger.create_session())
        async with connect(url) as chatty:
            for _ in range(module.INBOUND_MESSAGES_MAX):
                await chatty.send("hello")
            assert await close_code(chatty) == 1008
        async with connect(url) as large:
            await large.send("x" * 5000)
            assert await close_code(large) == 1009

    play(scenario)


def test_sockets_of_an_ended_session_are_closed_normally(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.0)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.05)

    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session()
        live.ledger.send(live.ledger.cancel(session))
        async with connect(live.url(session)) as screen:
            assert (await receive(screen))["session"]["status"] == "cancelled"
            assert await close_code(screen) == 1000

    play(scenario)


@pytest.mark.parametrize("stay", ["&stay=true", "", "&stay=1", "&stay="])
def test_a_socket_of_a_paid_session_stays_for_refunds_if_its_address_says_so(
    monkeypatch: pytest.MonkeyPatch, stay: str
) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.0)
    monkeypatch.setattr(module, "STAY_SECONDS", 0.5)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.05)

    async def scenario(live: LiveFixture) -> None:
        session, wallet = live.ledger.create_session(), live.ledger.open_wallet()
        claim = live.ledger.claim_session(session, wallet)
        live.ledger.send(live.ledger.pay(session, wallet, claim))
        async with connect(live.url(session) + stay) as screen:
            assert (await receive(screen))["session"]["status"] == "paid"
            opened = time.monotonic()
            assert await close_code(screen) == 1000
            assert (time.monotonic() - opened > 0.4) == (stay == "&stay=true")

    play(scenario)


def test_refunds_are_sent_live_and_to_whoever_resumes() -> None:
    async def scenario(live: LiveFixture) -> None:
        ledger = live.ledger
        session, wallet = ledger.create_session(), ledger.open_wallet()
        ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))
        await live.follow()
        async with connect(live.url(session)) as screen:
            assert (await receive(screen))["seq"] == 3
            for minor in (300, 700):
                refund = RefundSession(
                    refund_id=ledger.new_id(),
                    session_id=session,
                    merchant_id=ledger.merchant_id,
                    amount=Money(minor, "USD"),
                    credits=Credits(minor=1000, position=live.log.head()),
                    credits_are_current=True,
                )
                ledger.send(refund)
            await live.follow()
            messages = [await receive(screen) for _ in range(2)]
        async with connect(live.url(session, after=3)) as screen:
            again = [await receive(screen) for _ in range(2)]

        shown = [(m["event"], m["seq"], m["session"]["flags"]) for m in messages]
        assert shown == [
            ("refund.succeeded", 4, ["partially_refunded"]),
            ("refund.succeeded", 5, ["refunded"]),
        ]
        assert [(m["event"], m["seq"], m["session"]["flags"]) for m in again] == shown

    play(scenario)


def test_heartbeats_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)

    async def scenario(live: LiveFixture) -> None:
        async with connect(live.url(live.ledger.create_session())) as screen:
            assert (await receive(screen))["type"] == "snapshot"
            message = await receive(screen)
            assert message["type"] == "heartbeat"
            assert message["server_time"].endswith("Z")

    play(scenario)


def test_a_peer_that_never_reads_is_disconnected_and_does_not_delay_the_shutdown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for reader in (module, connection_module):
        monkeypatch.setattr(reader, "CLOSE_SECONDS", 0.5)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.0005)  # keeps the buffer growing

    async def scenario(live: LiveFixture) -> None:
        url = live.url(live.ledger.create_session(description="x" * 200))
        path = url[url.index("/live") :]
        slow_readers = [
            await asyncio.to_thread(_slow_reader, live.notifier.port, path) for _ in range(2)
        ]
        deadline = time.monotonic() + 15
        while 4008 not in live.disconnects and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert 4008 in live.disconnects
        started = time.monotonic()
        await live.notifier.close()
        assert time.monotonic() - started < module.SHUTDOWN_SECONDS + 2
        for reader in slow_readers:
            reader.close()

    play(scenario)


def _slow_reader(port: int, path: str) -> socket.socket:
    """A client that completes the upgrade and never reads again."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", port))
    raw.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b"101" in raw.recv(64)
    return raw
