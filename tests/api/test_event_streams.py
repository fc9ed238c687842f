"""Events streamed as lines, over a real server: exact, complete or visibly cut off, and bounded."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from application.errors import Overloaded, TooManyStreams
from application.ports.event_lines import LinesCutOff, LinesWanted
from infrastructure.streaming.processes import NICE, STREAMS_MAX, StreamProcesses
from tests.support.api_fixture import ApiFixture, served_api

pytestmark = pytest.mark.postgres
NDJSON = "application/x-ndjson"
MANY = 20_000
UNREAD_BYTES_MAX = 8_000_000
"""What the buffers between a stream and its client hold is far less; the log of the tests is more."""
FILL = """
with filled as (
    update ledger.head set pos = pos + %(count)s returning pos - %(count)s as pos, recorded_at)
insert into ledger.events
select f.pos + n, gen_random_uuid(), 1, 'test.filler', e.state, f.recorded_at, gen_random_uuid(),
       gen_random_uuid(), e.actor, e.trace_id, e.schema_version
  from filled f, generate_series(1, %(count)s) n,
       (select * from ledger.events where topic = 'payment_session.created' limit 1) e
"""
"""Events of a type that no consumer knows, with the state of a session."""


@pytest.fixture(scope="module")
def url(make_ledger: Callable[[], str]) -> str:
    return make_ledger()


@pytest.fixture(scope="module")
def api(url: str) -> Iterator[ApiFixture]:
    with served_api(url) as api:
        api.create_paid_session()
        yield api


def streamed(api: ApiFixture, query: str = "", who: str = "auditor") -> httpx.Response:
    return api.call(who, "GET", f"/v1/events?{query}", accept=NDJSON)


def paged(api: ApiFixture, query: str = "") -> list[Any]:
    events: list[Any] = []
    cursor: str | None = "0"
    while cursor is not None:
        page = api.call("auditor", "GET", f"/v1/events?limit=100&cursor={cursor}&{query}").json()
        events += page["data"]
        cursor = page["next_cursor"]
    return events


def decoded(response: httpx.Response) -> list[Any]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == NDJSON
    return [json.loads(line) for line in response.text.splitlines()]


def test_a_stream_has_the_same_events_as_the_pages(api: ApiFixture) -> None:
    response = streamed(api)

    lines = decoded(response)
    assert lines == paged(api)
    assert [one["position"] for one in lines] == list(range(1, len(lines) + 1))
    assert response.headers["ledger-position"] == str(len(lines))
    assert "content-encoding" not in response.headers


def test_a_stream_continues_after_a_position_and_keeps_to_a_type_or_a_session(
    api: ApiFixture,
) -> None:
    whole = decoded(streamed(api))
    session = next(one["subject"] for one in whole if one["subject"].startswith("ps_"))

    assert decoded(streamed(api, "after=3")) == whole[3:]
    assert decoded(streamed(api, f"after={len(whole)}")) == []
    assert decoded(streamed(api, f"after={2**62}")) == []
    paid = decoded(streamed(api, "type=payment_session.paid"))
    assert [one["type"] for one in paid] == ["payment_session.paid"]
    of_session = decoded(streamed(api, f"session={session}"))
    assert of_session == [one for one in whole if one["subject"] == session]
    assert len(of_session) >= 3
    later = decoded(streamed(api, f"session={session}&after={of_session[0]['position']}"))
    assert later == of_session[1:]


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html", "application/x-ndjso"])
def test_callers_who_do_not_name_it_get_pages(api: ApiFixture, accept: str) -> None:
    response = api.call("auditor", "GET", "/v1/events", accept=accept)

    assert response.headers["content-type"] == "application/json"
    assert len(response.json()["data"]) == min(20, api.position())


@pytest.mark.parametrize(
    ("who", "query", "status", "code"),
    [
        ("auditor", "limit=5", 400, "invalid-request"),
        ("auditor", "cursor=5", 400, "invalid-request"),
        ("auditor", "after=-1", 400, "invalid-request"),
        ("auditor", "type=payment_session.paid%00", 400, "invalid-request"),
        ("operator", "", 403, "forbidden"),
        ("", "", 401, "unauthorized"),
    ],
)
def test_a_stream_that_is_not_allowed_is_refused_as_a_problem(
    api: ApiFixture, who: str, query: str, status: int, code: str
) -> None:
    response = streamed(api, query, who)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


def test_a_stream_keeps_to_the_head_that_it_names(api: ApiFixture) -> None:
    with api.client.stream("GET", "/v1/events", headers=_headers(api)) as response:
        head = int(response.headers["ledger-position"])
        api.create_session()
        lines = [json.loads(line) for line in response.iter_lines()]

    assert [one["position"] for one in lines] == list(range(1, head + 1))
    assert api.position() > head


@pytest.fixture
def processes(api: ApiFixture, url: str) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a scenario on a log of many events, which no buffer holds."""
    with psycopg.connect(url) as owner:
        if api.position() < MANY:
            owner.execute(FILL, {"count": MANY})
    return asyncio.run


ALL = LinesWanted(after=0, up_to=MANY)


def test_a_reader_has_two_streams_and_the_process_four(processes: Any, url: str) -> None:
    async def scenario() -> None:
        streams = StreamProcesses(url)
        opened = [await streams.open(ALL, reader) for reader in ("a", "a", "b", "b")]
        assert len(opened) == STREAMS_MAX
        with pytest.raises(TooManyStreams):
            await streams.open(ALL, "a")
        with pytest.raises(Overloaded):
            await streams.open(ALL, "c")

        await opened[0].close()
        await opened[0].close()

        opened.append(await streams.open(ALL, "a"))
        with pytest.raises(TooManyStreams):
            await streams.open(ALL, "a")
        for blocks in opened:
            await blocks.close()

    processes(scenario())


def test_a_process_that_dies_cuts_the_stream_off(processes: Any, url: str) -> None:
    async def scenario() -> None:
        blocks = await StreamProcesses(url).open(ALL, "a")
        received: list[bytes] = []

        async def read() -> None:
            async for block in blocks:
                received.append(block)
                os.kill(blocks.pid, signal.SIGKILL)

        try:
            with pytest.raises(LinesCutOff):
                await read()
        finally:
            await blocks.close()
        assert 0 < b"".join(received).count(b"\n") < MANY

    processes(scenario())


def test_a_closed_stream_leaves_no_process(processes: Any, url: str) -> None:
    async def scenario() -> None:
        blocks = await StreamProcesses(url).open(ALL, "a")
        async for _ in blocks:
            break
        await blocks.close()
        with pytest.raises(ProcessLookupError):
            os.kill(blocks.pid, 0)

    processes(scenario())


def test_a_stream_has_a_low_priority(processes: Any, url: str) -> None:
    async def scenario() -> None:
        blocks = await StreamProcesses(url).open(ALL, "a")
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        try:
            assert os.getpriority(os.PRIO_PROCESS, blocks.pid) == min(ours + NICE, 19)
        finally:
            await blocks.close()

    processes(scenario())


def test_a_database_that_does_not_answer_is_a_refusal() -> None:
    async def scenario() -> None:
        streams = StreamProcesses("postgresql://127.0.0.1:1/none")
        for _ in range(STREAMS_MAX + 1):  # what could not begin is not counted
            with pytest.raises(Overloaded):
                await streams.open(ALL, "a")

    asyncio.run(scenario())


def test_a_client_is_told_by_the_connection_that_a_stream_was_cut_off(
    api: ApiFixture, processes: Any
) -> None:
    del processes

    def read() -> None:
        with api.client.stream("GET", "/v1/events", headers=_headers(api)) as response:
            for _ in response.iter_raw():
                _kill_streams()

    with pytest.raises(httpx.RemoteProtocolError):
        read()
    assert api.call("auditor", "GET", "/v1/events?limit=1").status_code == 200


def test_a_client_that_leaves_frees_its_stream(api: ApiFixture, processes: Any) -> None:
    del processes
    for _ in range(STREAMS_MAX + 2):
        response = _send(api)
        while response.status_code == 429:  # the one before is being closed
            assert response.read()
            response = _send(api)
        assert response.status_code == 200
        next(response.iter_raw())
        response.close()


def test_a_client_that_does_not_read_holds_up_its_own_stream_only(
    api: ApiFixture, processes: Any
) -> None:
    del processes
    with api.client.stream("GET", "/v1/events", headers=_headers(api)) as response:
        lines = response.iter_lines()
        positions = [json.loads(next(lines))["position"]]
        [process] = _streams()
        written = _written(process)
        while (later := _written(process)) > written:  # buffers fill
            written = later
            api.create_paid_session()

        assert written < UNREAD_BYTES_MAX
        positions += [json.loads(line)["position"] for line in lines]

    assert positions == list(range(1, int(response.headers["ledger-position"]) + 1))
    assert len(positions) >= MANY


def _headers(api: ApiFixture) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.keys['auditor']}", "Accept": NDJSON}


def _send(api: ApiFixture) -> httpx.Response:
    request = api.client.build_request("GET", "/v1/events", headers=_headers(api))
    return api.client.send(request, stream=True)


def _kill_streams() -> None:
    for process in _streams():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _streams() -> list[int]:
    """This process's children that stream."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
            if parent == os.getpid() and b"infrastructure.streaming.child" in command:
                found.append(int(folder.name))
    return found


def _written(process: int) -> int:
    """The bytes that a process has written."""
    text = Path(f"/proc/{process}/io").read_text()
    return int(dict(line.split(": ") for line in text.splitlines())["wchar"])
