"""Looking keys up: once for all who ask at the same time, never for longer than a second."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from api import identity
from api.identity import Doorkeeper, Identity
from api.wire import Inbound
from application.errors import LogUnavailable, Unauthorized
from domain.merchants.api_key import ApiKey, BearerKey, Role

NOW = datetime(2026, 5, 1, tzinfo=UTC)
KEY = BearerKey.make(mode="test", role=Role.AUDITOR, key_id=uuid7(), random=b"r" * 32)


class Log:
    """A reader that counts, and answers when it is let."""

    def __init__(self) -> None:
        self.state = ApiKey.issue(key=KEY, holder_id="auditor", at=NOW)
        self.asked = 0
        self.answers = Event()
        self.answers.set()
        self.away = False

    def get(self, *_: Any) -> Any:
        self.asked += 1
        assert self.answers.wait(10)
        if self.away:
            raise LogUnavailable(reason="away")
        return SimpleNamespace(state=self.state)


def a_door(log: Log) -> Doorkeeper:
    services: Any = SimpleNamespace(reader=log, config=SimpleNamespace(mode="test"))
    return Doorkeeper(services)


def a_request(key: str = KEY.text) -> Inbound:
    scope: Any = {"headers": [(b"authorization", f"Bearer {key}".encode())]}
    unread: Any = None
    return Inbound(scope, unread)


async def begun(log: Log, door: Doorkeeper, count: int, now: float) -> list[asyncio.Task[Identity]]:
    """So many requests, all under way; the log does not answer yet."""
    log.answers.clear()
    tasks = [asyncio.create_task(door.identify(a_request(), now)) for _ in range(count)]
    await asked(log, 1)
    return tasks


async def asked(log: Log, times: int) -> None:
    """Wait until the log was asked so often; threads ask, so there is no event to await."""
    while log.asked < times:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def test_a_key_is_looked_up_once_for_all_who_come_meanwhile_and_for_a_second_after() -> None:
    log = Log()
    door = a_door(log)

    async def run() -> None:
        tasks = await begun(log, door, 20, 100.0)
        log.answers.set()
        assert {one.holder for one in await asyncio.gather(*tasks)} == {"auditor"}
        assert log.asked == 1
        await door.identify(a_request(), 100.999)
        assert log.asked == 1
        await door.identify(a_request(), 101.0)
        assert log.asked == 2

    asyncio.run(run())


def test_a_look_that_takes_longer_than_a_second_is_not_joined() -> None:
    log = Log()
    door = a_door(log)

    async def run() -> None:
        slow = await begun(log, door, 1, 100.0)
        late = asyncio.create_task(door.identify(a_request(), 101.0))
        await asked(log, 2)
        log.answers.set()
        await asyncio.gather(*slow, late)

    asyncio.run(run())


def test_whoever_hangs_up_leaves_the_look_to_the_others() -> None:
    log = Log()
    door = a_door(log)

    async def run() -> None:
        first, second = await begun(log, door, 2, 100.0)
        first.cancel()
        log.answers.set()
        assert (await second).holder == "auditor"
        assert log.asked == 1

    asyncio.run(run())


def test_what_ended_badly_is_not_remembered() -> None:
    log = Log()
    door = a_door(log)

    async def run() -> None:
        log.away = True
        for _ in range(2):
            with pytest.raises(LogUnavailable):
                await door.identify(a_request(), 100.0)
        log.away = False
        log.state.revoke(at=NOW)
        with pytest.raises(Unauthorized):
            await door.identify(a_request(), 100.0)
        assert (log.asked, len(door._looks)) == (3, 0)

    asyncio.run(run())


def test_the_keys_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "KEYS_MAX", 3)
    door = a_door(Log())

    async def run() -> None:
        keys = [
            BearerKey.make(mode="test", role=Role.AUDITOR, key_id=uuid7(), random=bytes([n]) * 32)
            for n in range(9)
        ]
        asks = [door.identify(a_request(key.text), 100.0) for key in keys]
        refused = await asyncio.gather(*asks, return_exceptions=True)
        assert all(isinstance(one, Unauthorized) for one in refused)
        assert len(door._looks) <= 3

    asyncio.run(run())
