"""Admission to the live socket: places, tokens and errors."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api.live.hub import SOCKETS_PER_SESSION_MAX, WATCHERS_PER_SESSION_MAX
from api.tokens import Use
from application.errors import LogUnavailable
from tests.support.live_fixture import LiveFixture, close_code, play, receive, until


def test_watchers_cannot_take_the_places_of_the_merchant() -> None:
    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session()
        watching = live.url(session, token=live.token(session, Use.WATCH))
        async with AsyncExitStack() as crowd:
            for _ in range(WATCHERS_PER_SESSION_MAX):
                await receive(await crowd.enter_async_context(connect(watching)))
            extra_watcher = await crowd.enter_async_context(connect(watching))
            assert await close_code(extra_watcher) == 1013
            for _ in range(SOCKETS_PER_SESSION_MAX):
                till = await crowd.enter_async_context(connect(live.url(session)))
                assert (await receive(till))["session"]["order_id"] == str(session)
            extra = await crowd.enter_async_context(connect(live.url(session)))
            assert await close_code(extra) == 1013

    play(scenario)


def test_a_bad_token_takes_no_place_and_causes_no_read() -> None:
    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session()
        load, reads = live.log.load, []
        live.log.load = lambda *args: reads.append(1) or load(*args)  # type: ignore[method-assign, func-returns-value]
        async with AsyncExitStack() as crowd:
            wrong = live.url(session, token="ffffffff.0123456789abcdef")
            sockets = [await crowd.enter_async_context(connect(wrong)) for _ in range(20)]
            assert {await close_code(socket) for socket in sockets} == {4001}
            assert reads == []
            till = await crowd.enter_async_context(connect(live.url(session)))
            assert (await receive(till))["seq"] == 1

    play(scenario)


def test_a_token_expires_by_the_ledgers_time_not_by_an_estimate() -> None:
    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session()
        url = live.url(session)
        live.notifier._clock.learn(live.ledger.session(session).expires_at.replace(year=2200))
        async with connect(url) as screen:
            assert (await receive(screen))["type"] == "snapshot"

    play(scenario)


def test_the_feed_is_resumed_after_the_registration_and_before_the_history_is_read() -> None:
    async def scenario(live: LiveFixture) -> None:
        steps: list[str] = []
        session, wallet = live.ledger.create_session(), live.ledger.open_wallet()
        load = live.log.load
        live.on_resume = lambda: steps.append(f"resume: {live.notifier.has_listeners}")
        live.log.load = lambda *args: steps.append("history") or load(*args)  # type: ignore[method-assign, func-returns-value]
        assert not live.notifier.has_listeners
        async with connect(live.url(session)) as screen:
            await receive(screen)
            assert steps == ["resume: True", "history"]
        await until(lambda: not live.notifier.has_listeners)

        live.on_resume = lambda: live.ledger.claim_session(session, wallet)  # before the history
        async with connect(live.url(session)) as screen:
            assert (await receive(screen))["session"]["status"] == "scanned"
            await live.follow()
        assert live.disconnects == []

    play(scenario)


def test_an_error_during_admission_releases_the_place() -> None:
    async def scenario(live: LiveFixture) -> None:
        session = live.ledger.create_session()
        url = live.url(session)
        load = live.log.load

        def broken(*args: Any) -> Any:
            raise RuntimeError

        live.log.load = broken  # type: ignore[method-assign, assignment]
        for _ in range(SOCKETS_PER_SESSION_MAX):
            with suppress(ConnectionClosed):
                async with connect(url) as screen:
                    await screen.recv()
        live.log.load = load  # type: ignore[method-assign]
        async with connect(url) as screen:
            assert (await receive(screen))["type"] == "snapshot"

    play(scenario)


def test_an_unavailable_ledger_closes_with_1013() -> None:
    async def scenario(live: LiveFixture) -> None:
        url = live.url(live.ledger.create_session())

        def unavailable(*args: Any) -> Any:
            raise LogUnavailable(reason="test")

        live.log.load = unavailable  # type: ignore[method-assign, assignment]
        async with connect(url) as screen:
            assert await close_code(screen) == 1013

    play(scenario)
