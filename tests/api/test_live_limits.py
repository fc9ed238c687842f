"""Limits on the connections and sockets of the live port."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus

from api.http.connections import ConnectionLimits
from api.live.config import LiveConfig
from tests.support.live_fixture import LiveFixture, play, read_to_end, receive, until


def test_connections_are_limited_before_the_handshake_and_health_checks_still_work() -> None:
    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session()
        async with connect(live.url(session)) as screen:
            await receive(screen)
            handshakes = [await live.open_raw(b"GET /live HTTP/1.1\r\nHo") for _ in range(40)]
            await until(lambda: len(live.notifier._table) == 16)
            assert " 200 " in (await live.get("/healthz")).splitlines()[0]
            assert len(live.notifier._table) <= 16
            assert await read_to_end(handshakes[0][0]) == b""
            await screen.ping()
        for _, writer in handshakes:
            writer.close()

    play(scenario, {"total": 16})


def test_connections_of_one_address_are_limited_before_the_handshake() -> None:
    async def scenario(live: LiveFixture) -> None:
        handshakes = [await live.open_raw(b"GET /") for _ in range(20)]
        await until(lambda: live.notifier._table.from_address("127.0.0.1") == 8)
        assert await read_to_end(handshakes[0][0]) == b""
        for _, writer in handshakes:
            writer.close()

    play(scenario, {"per_address": 8}, per_address=2)


def test_some_connections_are_reserved_for_handshakes() -> None:
    config = LiveConfig(
        host="", port=0, origins=(), per_address=64, total=20_000, trusted_proxies=(),
        livemode=False,
        limits=ConnectionLimits(total=400),
    )  # fmt: skip

    assert config.sockets == 350
    assert replace(config, total=0).sockets == 350
    assert replace(config, total=100).sockets == 100
    assert config.connections.per_address == 256
    assert replace(config, per_address=200).connections.per_address == 400
    assert replace(config, per_address=0).connections.per_address == 0


def test_sockets_that_wait_for_admission_count_against_the_limit() -> None:
    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session()
        url = live.url(session)
        load, released = live.log.load, asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(*args: Any) -> Any:
            asyncio.run_coroutine_threadsafe(released.wait(), loop).result(20)
            return load(*args)

        live.log.load = slow  # type: ignore[method-assign, assignment]
        results = await asyncio.gather(*(connect(url) for _ in range(12)), return_exceptions=True)
        accepted = [result for result in results if not isinstance(result, BaseException)]
        refused = [result for result in results if isinstance(result, InvalidStatus)]
        assert (len(accepted), len(refused)) == (5, 7)
        assert {error.response.status_code for error in refused} == {429}
        released.set()
        for screen in accepted:
            assert (await receive(screen))["type"] == "snapshot"
            await screen.close()

    play(scenario, per_address=5)


def test_a_new_connection_is_aborted_if_all_others_are_active(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(live: LiveFixture) -> None:
        url = live.url(live.ledger.create_session())
        async with connect(url) as screen:
            await receive(screen)
            with pytest.raises((InvalidHandshake, InvalidMessage, OSError, EOFError)):
                await connect(url)
            await screen.ping()

    monkeypatch.setattr(LiveConfig, "sockets", 5)
    play(scenario, {"total": 1})


def test_metrics_are_served_to_this_machine_only() -> None:
    async def scenario(live: LiveFixture) -> None:
        assert "figures 1" in await live.get("/metrics")
        proxied = await live.get("/metrics", "X-Forwarded-For: 203.0.113.9")
        assert " 404 " in proxied.splitlines()[0]
        loopback = await live.get("/metrics", "X-Forwarded-For: 127.0.0.1")
        assert " 404 " in loopback.splitlines()[0]

    play(scenario)


def test_repeated_forwarded_for_headers_are_one_list() -> None:
    async def scenario(live: LiveFixture) -> None:
        remote = ("X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 203.0.113.9")
        local = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 127.0.0.2")
        assert " 404 " in (await live.get("/metrics", *remote)).splitlines()[0]
        assert "figures 1" in await live.get("/metrics", *local)
        assert " 200 " in (await live.get("/healthz", *remote)).splitlines()[0]

    play(scenario, trusted_proxies=("127.0.0.1",))


def test_a_socket_behind_a_proxy_counts_against_its_client() -> None:
    async def scenario(live: LiveFixture) -> None:
        url = live.url(live.ledger.create_session())

        def proxied(address: str) -> Any:
            headers = [("X-Forwarded-For", "10.9.9.9"), ("X-Forwarded-For", address)]
            return connect(url, additional_headers=headers)

        async with proxied("203.0.113.1") as one, proxied("203.0.113.2") as two:
            await receive(one)
            await receive(two)
            with pytest.raises(InvalidStatus) as error:
                await proxied("203.0.113.1")
            assert error.value.response.status_code == 429

    play(scenario, per_address=1, trusted_proxies=("127.0.0.1",))
