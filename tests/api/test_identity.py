"""Looking keys up: once for all who ask at the same time, never for longer than a second, and for
strangers no more often than their address may ask."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from api.http import authentication
from api.http.authentication import TRUSTED_SECONDS, Authenticator
from api.http.errors import TooManyRequests
from api.http.identity import Identity
from api.http.messages import HttpRequest
from api.http.rate_limit import RateLimit, address_bucket
from api.tokens import Tokens
from application.errors import LogUnavailable, NotFound, Unauthorized
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey, Role

NOW = datetime(2026, 5, 1, tzinfo=UTC)
KEY = BearerKey.make(mode="test", role=Role.AUDITOR, key_id=uuid7(), random=b"r" * 32)
APP = ids.encode("app", uuid7())
APP_KEY = BearerKey.make(mode="test", role=Role.WALLET, key_id=uuid7(), random=b"w" * 32)
WALLET = uuid7()
TOKENS = Tokens(b"s" * 32)
TOKEN = TOKENS.for_page(WALLET, APP_KEY.key_id, NOW)[0]


class Log:
    """A reader that counts, and answers when it is let."""

    def __init__(self) -> None:
        self.state = ApiKey.issue(key=KEY, holder_id="auditor", at=NOW)
        self.app_key = ApiKey.issue(key=APP_KEY, holder_id=APP, at=NOW)
        self.now = NOW
        self.clock = SimpleNamespace(estimate=lambda: self.now)
        self.asked = 0
        self.answers = Event()
        self.answers.set()
        self.away = False

    def get(self, _kind: object, key_id: object, thing: str) -> Any:
        self.asked += 1
        assert self.answers.wait(10)
        if self.away:
            raise LogUnavailable(reason="away")
        for key in (self.state, self.app_key):
            if key.id == key_id:
                return SimpleNamespace(state=key, now=self.now)
        raise NotFound(thing=thing)


def a_door(log: Log, per_second: int = 0) -> Authenticator:
    config = SimpleNamespace(mode="test", trusted_proxies=("10.0.0.1",))
    services: Any = SimpleNamespace(reader=log, config=config, tokens=TOKENS)
    return Authenticator(services, RateLimit(per_second))


def a_request(key: str = KEY.text, address: str = "192.0.2.1", forwarded: str = "") -> HttpRequest:
    headers = [(b"authorization", f"Bearer {key}".encode())]
    if forwarded:
        headers.append((b"x-forwarded-for", forwarded.encode()))
    scope: Any = {"headers": headers, "client": (address, 1234)}
    unread: Any = None
    return HttpRequest(scope, unread)


async def begun(
    log: Log, door: Authenticator, count: int, now: float
) -> list[asyncio.Task[Identity]]:
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
        assert (log.asked, len(door._lookups)) == (3, 0)

    asyncio.run(run())


def test_the_keys_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "CREDENTIALS_MAX", 3)
    door = a_door(Log())

    async def run() -> None:
        keys = [
            BearerKey.make(mode="test", role=Role.AUDITOR, key_id=uuid7(), random=bytes([n]) * 32)
            for n in range(9)
        ]
        asks = [door.identify(a_request(key.text), 100.0) for key in keys]
        refused = await asyncio.gather(*asks, return_exceptions=True)
        assert all(isinstance(one, Unauthorized) for one in refused)
        assert len(door._lookups) <= 3

    asyncio.run(run())


def unknown() -> str:
    """A key of the right form and check sum that nobody gave out."""
    key_id, random = uuid7(), uuid7().bytes * 2
    return BearerKey.make(mode="test", role=Role.MERCHANT, key_id=key_id, random=random).text


async def asks(door: Authenticator, times: int, now: float, **facts: str) -> list[str]:
    """So many requests with unknown keys, one after the other; how each ended."""
    ends = []
    for _ in range(times):
        try:
            await door.identify(a_request(unknown(), **facts), now)
        except (Unauthorized, TooManyRequests) as refusal:
            ends.append(refusal.code)
    return ends


def test_unknown_keys_count_against_their_address_before_the_log_is_asked() -> None:
    log = Log()
    door = a_door(log, per_second=5)

    async def run() -> None:
        ends = await asks(door, 100, 100.0)
        assert ends == ["unauthorized"] * 5 + ["too-many-requests"] * 95
        assert log.asked == 5
        assert await asks(door, 3, 100.4) == ["unauthorized"] * 2 + ["too-many-requests"]
        assert (await asks(door, 1, 100.4, address="192.0.2.2"))[0] == "unauthorized"

    asyncio.run(run())


@pytest.mark.parametrize("text", [KEY.text, TOKEN], ids=["key", "token"])
def test_what_was_good_a_moment_ago_never_waits_for_its_addresss_strangers(text: str) -> None:
    log = Log()
    door = a_door(log, per_second=5)

    async def run() -> None:
        good = await door.identify(a_request(text), 100.0)
        for second in range(100, 100 + int(TRUSTED_SECONDS)):
            await asks(door, 10, second + 0.5)
            assert await door.identify(a_request(text), second + 0.5) == good
        last = 100 + TRUSTED_SECONDS
        await asks(door, 10, last + TRUSTED_SECONDS)
        with pytest.raises(TooManyRequests):
            await door.identify(a_request(text), last + TRUSTED_SECONDS)

    asyncio.run(run())


def test_a_good_key_that_is_new_to_us_takes_nothing_from_its_address() -> None:
    log = Log()
    door = a_door(log, per_second=1)

    async def run() -> None:
        for text in (KEY.text, APP_KEY.text, TOKEN):
            await door.identify(a_request(text), 100.0)
        assert await asks(door, 2, 100.0) == ["unauthorized", "too-many-requests"]

    asyncio.run(run())


def test_a_revoked_key_is_a_strangers_within_a_second() -> None:
    log = Log()
    door = a_door(log, per_second=1)

    async def run() -> None:
        await door.identify(a_request(), 100.0)
        log.state.revoke(at=NOW)
        await door.identify(a_request(), 100.999)
        with pytest.raises(Unauthorized):
            await door.identify(a_request(), 101.0)
        with pytest.raises(Unauthorized):
            await door.identify(a_request(), 101.0)
        with pytest.raises(TooManyRequests):
            await door.identify(a_request(), 101.0)

    asyncio.run(run())


def test_a_page_token_ends_with_its_key_within_a_second_and_at_its_own_time() -> None:
    log = Log()
    door = a_door(log)

    async def run() -> None:
        who = await door.identify(a_request(TOKEN), 100.0)
        assert (who.wallet_id, who.wallet_app_id) == (WALLET, APP)
        log.now = NOW + timedelta(minutes=15)
        for now in (100.1, 101.0):
            with pytest.raises(Unauthorized, match="expired"):
                await door.identify(a_request(TOKEN), now)
        log.now = NOW
        await door.identify(a_request(TOKEN), 101.0)
        log.app_key.revoke(at=NOW)
        await door.identify(a_request(TOKEN), 101.999)
        with pytest.raises(Unauthorized, match="its key"):
            await door.identify(a_request(TOKEN), 102.0)

    asyncio.run(run())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        KEY.text[:-1],
        KEY.text[:-1] + "!",
        TOKEN[:-1],
        TOKEN + "0",
        "qrw_",
        "qrl_test_x_y_z",
    ],
    ids=range(8),
)
def test_what_is_malformed_or_forged_counts_and_never_reaches_the_log(text: str) -> None:
    log = Log()
    door = a_door(log, per_second=2)

    async def run() -> None:
        for expected in (Unauthorized, Unauthorized, TooManyRequests):
            with pytest.raises(expected):
                await door.identify(a_request(text), 100.0)
        assert log.asked == 0

    asyncio.run(run())


def test_a_key_that_is_issued_after_it_was_refused_opens_at_once() -> None:
    log = Log()
    door = a_door(log)
    later, log.state = log.state, log.app_key

    async def run() -> None:
        with pytest.raises(Unauthorized):
            await door.identify(a_request(), 100.0)
        log.state = later
        assert (await door.identify(a_request(), 100.0)).holder == "auditor"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("address", "forwarded", "other", "other_forwarded", "same"),
    [
        ("2001:db8:1:2::1", "", "2001:db8:1:2:ffff::9", "", True),
        ("2001:db8:1:2::1", "", "2001:db8:1:3::1", "", False),
        ("::ffff:192.0.2.1", "", "192.0.2.1", "", True),
        ("::ffff:192.0.2.1", "", "::ffff:192.0.2.2", "", False),
        ("10.0.0.1", "192.0.2.1", "10.0.0.1", "192.0.2.2", False),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1", "", True),
        ("10.0.0.1", "2001:db8::1", "10.0.0.1", "2001:db8::2", True),
        ("192.0.2.1", "192.0.2.8", "192.0.2.1", "192.0.2.9", True),
    ],
)
def test_an_address_is_counted_as_its_subscriber(
    address: str, forwarded: str, other: str, other_forwarded: str, *, same: bool
) -> None:
    door = a_door(Log(), per_second=1)

    async def run() -> None:
        await asks(door, 1, 100.0, address=address, forwarded=forwarded)
        [end] = await asks(door, 1, 100.0, address=other, forwarded=other_forwarded)
        assert (end == "too-many-requests") == same

    asyncio.run(run())


def test_a_forwarded_text_that_is_no_address_is_counted_as_it_is_and_cut() -> None:
    assert address_bucket("x" * 9000) == "address " + "x" * 64
    assert address_bucket("fe80::1%eth0") == address_bucket("fe80::2")


def test_the_keys_known_to_be_good_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "CREDENTIALS_MAX", 3)
    door = a_door(Log())

    async def run() -> None:
        for number in range(9):
            token = TOKENS.for_page(WALLET, APP_KEY.key_id, NOW + timedelta(seconds=number))[0]
            await door.identify(a_request(token), 100.0)
        assert len(door._valid_at) == len(door._lookups) == 3

    asyncio.run(run())
