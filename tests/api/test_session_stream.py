"""A session as server-sent events, over the ASGI application on a log in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from api.live import event_stream, streams
from api.live.hub import BUFFER_BYTES_MAX, SOCKETS_PER_SESSION_MAX
from api.tokens import Use
from application.errors import LogUnavailable
from domain import ids
from tests.support.memory_api import MemoryApi, http_scope

Event = dict[str, str]


class Browser:
    """One request for a stream, and what came of it."""

    def __init__(
        self, api: MemoryApi, path: str, query: str, *headers: tuple[bytes, bytes]
    ) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.ended = False
        self.reads = asyncio.Event()
        """Cleared: `send` waits, as a server does whose client does not read."""
        self.reads.set()
        self._gone = asyncio.Event()
        self._news = asyncio.Condition()
        scope = http_scope("GET", path, query, headers)
        self.task = asyncio.create_task(api.app(scope, self._receive, self._send))  # type: ignore[arg-type]

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.reads.wait()
        async with self._news:
            if message["type"] == "http.response.start":
                self.status, self.headers = message["status"], dict(message["headers"])
            else:
                self.body += message["body"]
                self.ended = not message["more_body"]
            self._news.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._news, asyncio.timeout(10):
            await self._news.wait_for(condition)

    async def get(self, count: int) -> list[Event]:
        """The first `count` events, once they are there."""
        await self.until(lambda: self.ended or len(self.events) >= count)
        return self.events[:count]

    async def end(self) -> list[Event]:
        await self.until(lambda: self.ended)
        await self.task
        return self.events

    async def leave(self) -> None:
        self._gone.set()
        self.reads.set()
        await self.task

    @property
    def events(self) -> list[Event]:
        found = []
        for frame in self.body.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in frame.split("\n") if ": " in line)
            if "data" in fields:
                found.append(fields)
        return found


class Streaming:
    """The API with a session, and browsers that follow it."""

    def __init__(self, **settings: Any) -> None:
        self.api = MemoryApi(streams=settings, rate_limit=0)
        self.streams: Any = self.api.services.streams
        self.ledger = self.api.ledger
        self.log: Any = self.ledger.log
        self.session = ids.decode("ps", self.api.session_id)
        self.position = self.log.head()

    def token(self, use: Use = Use.LIVE, session: UUID | None = None) -> str:
        session = session or self.session
        expires_at = self.ledger.session(session).expires_at
        return self.api.services.tokens.for_session(use, session, expires_at)

    def browser(
        self,
        query: str | None = None,
        last: bytes | None = None,
        *headers: tuple[bytes, bytes],
        session: UUID | None = None,
    ) -> Browser:
        session_id = ids.encode("ps", session or self.session)
        if last is not None:
            headers = (*headers, (b"last-event-id", last))
        query = f"token={self.token(session=session)}" if query is None else query
        return Browser(self.api, f"/v1/payment-sessions/{session_id}/stream", query, *headers)

    async def follow(self) -> None:
        page = self.log.read(self.position, 1000)
        self.position = self.log.head()
        await asyncio.to_thread(self.streams.deliver, page)

    def scan(self) -> tuple[UUID, str]:
        wallet = self.ledger.open_wallet()
        return wallet, self.ledger.claim_session(self.session, wallet)

    def pay(self) -> None:
        wallet, claim = self.scan()
        self.ledger.send(self.ledger.pay(self.session, wallet, claim))

    @asynccontextmanager
    async def running(self) -> Any:
        await self.streams.open()
        yield self
        await self.streams.close()


def play(scenario: Callable[[Streaming], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with Streaming(**settings).running() as streaming:
            await scenario(streaming)

    asyncio.run(asyncio.wait_for(run(), 60))


def data(events: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(event["data"]) for event in events]


def test_a_stream_is_the_socket_s_messages_with_their_seq_as_the_id() -> None:
    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser()
        await browser.get(1)
        streaming.pay()
        await streaming.follow()
        events = await browser.get(3)
        await browser.leave()

        assert browser.status == 200
        assert browser.headers[b"content-type"] == b"text/event-stream"
        assert browser.headers[b"cache-control"] == b"no-store"
        assert browser.headers[b"x-accel-buffering"] == b"no"
        assert not {b"content-length", b"content-encoding"} & browser.headers.keys()
        assert browser.body.startswith(b"retry: 2000\n\n")
        assert [event["id"] for event in events] == ["1", "2", "3"]
        assert [one["type"] for one in data(events)] == ["snapshot", "event", "event"]
        assert [one["seq"] for one in data(events)] == [1, 2, 3]
        assert data(events)[2]["session"]["status"] == "paid"
        assert not streaming.streams.has_listeners

    play(scenario)


def test_a_browser_that_reconnects_gets_exactly_what_it_missed() -> None:
    async def scenario(streaming: Streaming) -> None:
        streaming.scan()
        token = streaming.token()
        for last, after, expected in [
            (b"0", None, ["1", "2"]), (b"1", None, ["2"]), (None, 0, ["1", "2"]),
            (None, 1, ["2"]), (b"1", 0, ["2"]), (b"0", 1, ["1", "2"]), (b"", 1, ["2"]),
        ]:  # fmt: skip
            query = f"token={token}" + ("" if after is None else f"&after={after}")
            browser = streaming.browser(query, last)
            events = await browser.get(len(expected))
            await browser.leave()
            assert [event["id"] for event in events] == expected
            assert browser.body.count(b"data:") == len(expected)

    play(scenario)


def test_more_missed_events_than_fit_the_buffer_are_no_reason_to_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.live.hub.BUFFER_BYTES_MAX", 100)

    async def scenario(streaming: Streaming) -> None:
        streaming.pay()
        browser = streaming.browser(None, b"0")
        events = await browser.get(3)
        await browser.leave()
        assert [event["id"] for event in events] == ["1", "2", "3"]

    play(scenario)


def test_an_id_of_the_future_gives_a_snapshot_that_says_so() -> None:
    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser(None, b"999999999")
        [first] = data(await browser.get(1))
        await browser.leave()
        assert (first["type"], first["seq"], first["recovered"]) == ("snapshot", 1, False)

    play(scenario)


@pytest.mark.parametrize(
    "last", [b"-1", b"x", b"1.0", b"01", b"+1", b"1\0", b"\xd9\xa1", b"9" * 10, b"9" * 8000, b" "]
)
def test_a_malformed_last_event_id_is_refused_by_name(last: bytes) -> None:
    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser(None, last)
        await browser.task
        assert browser.status == 400
        problem = json.loads(browser.body)
        assert [one["name"] for one in problem["invalid_params"]] == ["Last-Event-ID"]
        assert not streaming.streams.has_listeners

    play(scenario)


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=1000000000", "after=%00", "after=", "after=1&after=2",
              "token=a&token=b", "other=1", "token=" + "a" * 81, "token=%00"],
)  # fmt: skip
def test_a_malformed_query_is_400(query: str) -> None:
    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser(query)
        await browser.task
        assert browser.status == 400, browser.body

    play(scenario)


def test_two_last_event_ids_are_refused() -> None:
    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser(None, b"1", (b"last-event-id", b"0"))
        await browser.task
        assert browser.status == 400

    play(scenario)


@pytest.mark.parametrize("case", ["none", "wrong", "other", "checkout", "expired", "huge"])
def test_a_bad_token_is_401(case: str) -> None:
    async def scenario(streaming: Streaming) -> None:
        other = streaming.ledger.create_session()
        token = {
            "none": "", "wrong": "1.2", "other": streaming.token(session=other),
            "checkout": streaming.token(Use.CHECKOUT), "expired": streaming.token(),
            "huge": "f" * 16 + "." + "0" * 32,
        }[case]  # fmt: skip
        if case == "expired":
            streaming.log.advance(900 + 3601)
        browser = streaming.browser(f"token={token}" if token else "")
        await browser.task
        assert browser.status == 401
        assert json.loads(browser.body)["code"] == "unauthorized"

    play(scenario)


def test_the_public_token_shows_the_public_part_only() -> None:
    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser(f"token={streaming.token(Use.WATCH)}")
        [first] = data(await browser.get(1))
        await browser.leave()
        assert "order_id" not in first["session"]

    play(scenario)


def test_limits_per_session_address_and_process_have_their_own_refusals() -> None:
    async def scenario(streaming: Streaming) -> None:
        others = [streaming.ledger.create_session() for _ in range(3)]
        crowd = [streaming.browser() for _ in range(SOCKETS_PER_SESSION_MAX)]
        for one in crowd:
            await one.get(1)
        refused = streaming.browser()
        await refused.task
        crowd.append(streaming.browser(session=others[0]))
        await crowd[-1].get(1)
        at_address = streaming.browser(session=others[1])
        await at_address.task
        streaming.streams._per_address = 0
        crowd.append(streaming.browser(session=others[1]))
        await crowd[-1].get(1)
        in_process = streaming.browser(session=others[2])
        await in_process.task
        for one in crowd:
            await one.leave()
        free = streaming.browser()
        await free.get(1)
        await free.leave()

        for browser, owner in [
            (refused, "This session"), (at_address, "This address"), (in_process, "This process"),
        ]:  # fmt: skip
            problem = json.loads(browser.body)
            assert (browser.status, problem["code"]) == (429, "too-many-streams")
            assert problem["detail"].startswith(owner)
            assert browser.headers[b"retry-after"]

    play(scenario, per_address=SOCKETS_PER_SESSION_MAX + 1, total=SOCKETS_PER_SESSION_MAX + 2)


def test_a_quiet_stream_has_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert event_stream.COMMENT_SECONDS == 15
    monkeypatch.setattr(event_stream, "COMMENT_SECONDS", 0.01)

    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser()
        await browser.until(lambda: browser.body.count(b":\n\n") >= 3)
        await browser.leave()
        assert len(browser.events) == 1

    play(scenario)


def test_the_end_of_a_session_ends_the_stream_and_the_next_answer_is_204(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "LINGER_SECONDS", 0.0)
    monkeypatch.setattr(streams, "SWEEP_SECONDS", 0.01)

    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser()
        await browser.get(1)
        streaming.pay()
        await streaming.follow()
        events = await browser.end()
        again = streaming.browser(None, events[-2]["id"].encode())
        await again.task
        missed = streaming.browser(None, b"2")
        rest = await missed.end()

        assert [event.get("event", "message") for event in events] == ["message"] * 3 + ["close"]
        assert data(events)[-1] == {
            "type": "close", "code": 1000, "reason": "the session has ended",
        }  # fmt: skip
        assert (again.status, again.body) == (204, b"")
        assert [event.get("id") for event in rest] == ["3", None]
        assert not streaming.streams.has_listeners

    play(scenario)


@pytest.mark.parametrize(("case", "code"), [("token", 4001), ("age", 1012)])
def test_a_stream_ends_with_its_token_and_with_its_age(
    case: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(streams, "AGE_SECONDS_MAX", 3600.0 if case == "token" else 0.05)

    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser()
        await browser.get(1)
        if case == "token":
            clock = streaming.streams._clock
            clock.learn(streaming.log.clock.replace(year=2100))
        events = await browser.end()
        assert data(events)[-1]["code"] == code

    play(scenario)


def test_a_slow_reader_is_ended_with_4008_and_resumes_without_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr("api.live.hub.BUFFER_BYTES_MAX", 100)

    async def scenario(streaming: Streaming) -> None:
        browser = streaming.browser()
        await browser.get(1)
        browser.reads.clear()
        for _ in range(4):
            streaming.scan()
            await streaming.follow()
            streaming.log.advance(91)
        stream = streaming.streams._hub.listeners()[0].socket
        assert stream.buffered_bytes() < BUFFER_BYTES_MAX
        browser.reads.set()
        events = await browser.end()
        assert data(events)[-1]["code"] == 4008
        last = events[-2]["id"]
        assert 1 < int(last) < 5
        again = streaming.browser(None, last.encode())
        rest = await again.get(5 - int(last))
        await again.leave()
        assert [int(event["id"]) for event in rest] == list(range(int(last) + 1, 6))

    play(scenario)


def test_a_server_that_stops_ends_every_stream_and_admits_no_other() -> None:
    async def scenario(streaming: Streaming) -> None:
        crowd = [streaming.browser() for _ in range(3)]
        for one in crowd:
            await one.get(1)
        streaming.streams.drain()
        ends = [data(await one.end())[-1] for one in crowd]
        late = streaming.browser()
        await late.task
        assert {one["code"] for one in ends} == {1012}
        assert (late.status, json.loads(late.body)["code"]) == (503, "overloaded")

    play(scenario)


def test_a_client_that_leaves_gives_its_place_back() -> None:
    async def scenario(streaming: Streaming) -> None:
        for _ in range(3):
            browser = streaming.browser()
            await browser.get(1)
            await browser.leave()
        assert not streaming.streams.has_listeners
        assert streaming.streams._addresses == {}

    play(scenario, per_address=1)


def test_an_unavailable_ledger_is_503_and_takes_no_place() -> None:
    async def scenario(streaming: Streaming) -> None:
        token = streaming.token()

        def unavailable(*_args: Any) -> Any:
            raise LogUnavailable(reason="test")

        streaming.log.load = unavailable
        browser = streaming.browser(f"token={token}")
        await browser.task
        assert browser.status == 503
        assert not streaming.streams.has_listeners
        assert streaming.streams._addresses == {}

    play(scenario)
