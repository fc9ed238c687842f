"""Authentication: shared and cached lookups, and the limit for invalid credentials per address."""

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
    """A reader that counts its reads and can block or fail."""

    def __init__(self) -> None:
        self.state = ApiKey.issue(key=KEY, holder_id="auditor", at=NOW)
        self.app_key = ApiKey.issue(key=APP_KEY, holder_id=APP, at=NOW)
        self.now = NOW
        self.clock = SimpleNamespace(estimate=lambda: self.now)
        self.reads = 0
        self.released = Event()
        self.released.set()
        self.unavailable = False

    def get(self, _kind: object, key_id: object, thing: str) -> Any:
        self.reads += 1
        assert self.released.wait(10)
        if self.unavailable:
            raise LogUnavailable(reason="unavailable")
        for key in (self.state, self.app_key):
            if key.id == key_id:
                return SimpleNamespace(state=key, now=self.now)
        raise NotFound(thing=thing)


def an_authenticator(log: Log, per_second: int = 0) -> Authenticator:
    config = SimpleNamespace(mode="test", trusted_proxies=("10.0.0.1",))
    services: Any = SimpleNamespace(reader=log, config=config, tokens=TOKENS)
    return Authenticator(services, RateLimit(per_second))


def make_request(
    key: str = KEY.text, address: str = "192.0.2.1", forwarded: str = ""
) -> HttpRequest:
    headers = [(b"authorization", f"Bearer {key}".encode())]
    if forwarded:
        headers.append((b"x-forwarded-for", forwarded.encode()))
    scope: Any = {"headers": headers, "client": (address, 1234)}
    unread: Any = None
    return HttpRequest(scope, unread)


async def start_requests(
    log: Log, authenticator: Authenticator, count: int, now: float
) -> list[asyncio.Task[Identity]]:
    """Concurrent requests, blocked in the lookup."""
    log.released.clear()
    tasks = [asyncio.create_task(authenticator.identify(make_request(), now)) for _ in range(count)]
    await wait_for_reads(log, 1)
    return tasks


async def wait_for_reads(log: Log, count: int) -> None:
    """Wait for a number of reads; they run in threads, so there is no event to await."""
    while log.reads < count:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def test_concurrent_requests_share_one_lookup_which_is_cached_for_a_second() -> None:
    log = Log()
    authenticator = an_authenticator(log)

    async def run() -> None:
        tasks = await start_requests(log, authenticator, 20, 100.0)
        log.released.set()
        assert {identity.holder for identity in await asyncio.gather(*tasks)} == {"auditor"}
        assert log.reads == 1
        await authenticator.identify(make_request(), 100.999)
        assert log.reads == 1
        await authenticator.identify(make_request(), 101.0)
        assert log.reads == 2

    asyncio.run(run())


def test_a_lookup_older_than_a_second_is_not_shared() -> None:
    log = Log()
    authenticator = an_authenticator(log)

    async def run() -> None:
        slow = await start_requests(log, authenticator, 1, 100.0)
        late = asyncio.create_task(authenticator.identify(make_request(), 101.0))
        await wait_for_reads(log, 2)
        log.released.set()
        await asyncio.gather(*slow, late)

    asyncio.run(run())


def test_a_cancelled_request_does_not_cancel_the_shared_lookup() -> None:
    log = Log()
    authenticator = an_authenticator(log)

    async def run() -> None:
        first, second = await start_requests(log, authenticator, 2, 100.0)
        first.cancel()
        log.released.set()
        assert (await second).holder == "auditor"
        assert log.reads == 1

    asyncio.run(run())


def test_a_failed_lookup_is_not_cached() -> None:
    log = Log()
    authenticator = an_authenticator(log)

    async def run() -> None:
        log.unavailable = True
        for _ in range(2):
            with pytest.raises(LogUnavailable):
                await authenticator.identify(make_request(), 100.0)
        log.unavailable = False
        log.state.revoke(at=NOW)
        with pytest.raises(Unauthorized):
            await authenticator.identify(make_request(), 100.0)
        assert (log.reads, len(authenticator._lookups)) == (3, 0)

    asyncio.run(run())


def test_the_number_of_cached_lookups_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "CREDENTIALS_MAX", 3)
    authenticator = an_authenticator(Log())

    async def run() -> None:
        keys = [
            BearerKey.make(mode="test", role=Role.AUDITOR, key_id=uuid7(), random=bytes([n]) * 32)
            for n in range(9)
        ]
        requests = [authenticator.identify(make_request(key.text), 100.0) for key in keys]
        results = await asyncio.gather(*requests, return_exceptions=True)
        assert all(isinstance(result, Unauthorized) for result in results)
        assert len(authenticator._lookups) <= 3

    asyncio.run(run())


def an_unknown_key() -> str:
    """A well-formed key that was never issued."""
    key_id, random = uuid7(), uuid7().bytes * 2
    return BearerKey.make(mode="test", role=Role.MERCHANT, key_id=key_id, random=random).text


async def try_unknown_keys(
    authenticator: Authenticator, times: int, now: float, **facts: str
) -> list[str]:
    """The error codes of consecutive requests with unknown keys."""
    codes = []
    for _ in range(times):
        try:
            await authenticator.identify(make_request(an_unknown_key(), **facts), now)
        except (Unauthorized, TooManyRequests) as refusal:
            codes.append(refusal.code)
    return codes


def test_unknown_keys_count_against_their_address_before_they_are_looked_up() -> None:
    log = Log()
    authenticator = an_authenticator(log, per_second=5)

    async def run() -> None:
        codes = await try_unknown_keys(authenticator, 100, 100.0)
        assert codes == ["unauthorized"] * 5 + ["too-many-requests"] * 95
        assert log.reads == 5
        assert await try_unknown_keys(authenticator, 3, 100.4) == ["unauthorized"] * 2 + [
            "too-many-requests"
        ]
        assert (await try_unknown_keys(authenticator, 1, 100.4, address="192.0.2.2"))[
            0
        ] == "unauthorized"

    asyncio.run(run())


@pytest.mark.parametrize("text", [KEY.text, TOKEN], ids=["key", "token"])
def test_a_recently_valid_credential_is_exempt_from_the_limit_of_its_address(text: str) -> None:
    log = Log()
    authenticator = an_authenticator(log, per_second=5)

    async def run() -> None:
        identity = await authenticator.identify(make_request(text), 100.0)
        for second in range(100, 100 + int(TRUSTED_SECONDS)):
            await try_unknown_keys(authenticator, 10, second + 0.5)
            assert await authenticator.identify(make_request(text), second + 0.5) == identity
        last = 100 + TRUSTED_SECONDS
        await try_unknown_keys(authenticator, 10, last + TRUSTED_SECONDS)
        with pytest.raises(TooManyRequests):
            await authenticator.identify(make_request(text), last + TRUSTED_SECONDS)

    asyncio.run(run())


def test_the_first_use_of_a_valid_credential_refunds_the_token_of_its_address() -> None:
    log = Log()
    authenticator = an_authenticator(log, per_second=1)

    async def run() -> None:
        for text in (KEY.text, APP_KEY.text, TOKEN):
            await authenticator.identify(make_request(text), 100.0)
        assert await try_unknown_keys(authenticator, 2, 100.0) == [
            "unauthorized",
            "too-many-requests",
        ]

    asyncio.run(run())


def test_a_revoked_key_is_invalid_within_a_second() -> None:
    log = Log()
    authenticator = an_authenticator(log, per_second=1)

    async def run() -> None:
        await authenticator.identify(make_request(), 100.0)
        log.state.revoke(at=NOW)
        await authenticator.identify(make_request(), 100.999)
        with pytest.raises(Unauthorized):
            await authenticator.identify(make_request(), 101.0)
        with pytest.raises(Unauthorized):
            await authenticator.identify(make_request(), 101.0)
        with pytest.raises(TooManyRequests):
            await authenticator.identify(make_request(), 101.0)

    asyncio.run(run())


def test_a_page_token_ends_with_its_key_and_at_its_expiry() -> None:
    log = Log()
    authenticator = an_authenticator(log)

    async def run() -> None:
        identity = await authenticator.identify(make_request(TOKEN), 100.0)
        assert (identity.wallet_id, identity.wallet_app_id) == (WALLET, APP)
        log.now = NOW + timedelta(minutes=15)
        for now in (100.1, 101.0):
            with pytest.raises(Unauthorized, match="expired"):
                await authenticator.identify(make_request(TOKEN), now)
        log.now = NOW
        await authenticator.identify(make_request(TOKEN), 101.0)
        log.app_key.revoke(at=NOW)
        await authenticator.identify(make_request(TOKEN), 101.999)
        with pytest.raises(Unauthorized, match="its key"):
            await authenticator.identify(make_request(TOKEN), 102.0)

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
def test_malformed_and_forged_credentials_count_and_are_not_looked_up(text: str) -> None:
    log = Log()
    authenticator = an_authenticator(log, per_second=2)

    async def run() -> None:
        for expected in (Unauthorized, Unauthorized, TooManyRequests):
            with pytest.raises(expected):
                await authenticator.identify(make_request(text), 100.0)
        assert log.reads == 0

    asyncio.run(run())


def test_a_key_issued_after_a_refusal_is_valid_at_once() -> None:
    log = Log()
    authenticator = an_authenticator(log)
    later, log.state = log.state, log.app_key

    async def run() -> None:
        with pytest.raises(Unauthorized):
            await authenticator.identify(make_request(), 100.0)
        log.state = later
        assert (await authenticator.identify(make_request(), 100.0)).holder == "auditor"

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
def test_the_limit_applies_to_an_ipv4_address_or_an_ipv6_network(
    address: str, forwarded: str, other: str, other_forwarded: str, *, same: bool
) -> None:
    authenticator = an_authenticator(Log(), per_second=1)

    async def run() -> None:
        await try_unknown_keys(authenticator, 1, 100.0, address=address, forwarded=forwarded)
        [code] = await try_unknown_keys(
            authenticator, 1, 100.0, address=other, forwarded=other_forwarded
        )
        assert (code == "too-many-requests") == same

    asyncio.run(run())


def test_forwarded_text_that_is_not_an_address_is_truncated() -> None:
    assert address_bucket("x" * 9000) == "address " + "x" * 64
    assert address_bucket("fe80::1%eth0") == address_bucket("fe80::2")


def test_the_number_of_credentials_known_to_be_valid_is_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(authentication, "CREDENTIALS_MAX", 3)
    authenticator = an_authenticator(Log())

    async def run() -> None:
        for number in range(9):
            token = TOKENS.for_page(WALLET, APP_KEY.key_id, NOW + timedelta(seconds=number))[0]
            await authenticator.identify(make_request(token), 100.0)
        assert len(authenticator._valid_at) == len(authenticator._lookups) == 3

    asyncio.run(run())
