"""Live for merchants with real processes: the notifier is killed, the API stops, clients resume."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from httpx import Client
from websockets.sync.client import ClientConnection, connect

from api.live.open_sessions import OPEN_SESSIONS_MAX
from tests.support.api_fixture import ApiFixture, free_port, served_api

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
OUT_OF_REACH = 10**9


@pytest.fixture
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    with served_api(make_ledger()) as api:
        yield api


def ticket(api: ApiFixture, who: str = "merchant") -> dict[str, Any]:
    response = api.call(who, "POST", "/v1/live-tickets")
    assert response.status_code == 201, response.text
    issued: dict[str, Any] = response.json()
    return issued


def receive(socket: ClientConnection) -> dict[str, Any]:
    """The next message that is no heartbeat."""
    while True:
        message: dict[str, Any] = json.loads(socket.recv(timeout=20))
        if message["type"] != "heartbeat":
            return message


def own_positions(api: ApiFixture, after: int, who: str = "merchant") -> list[int]:
    """The positions of all events of the merchant's sessions, from the log."""
    path = f"/v1/payment-sessions?limit=100&at_least={api.position()}"
    own = {one["id"] for one in api.call(who, "GET", path).json()["data"]}
    found: list[int] = []
    page: dict[str, Any] = {"next_cursor": str(after)}
    while page["next_cursor"] is not None:
        path = f"/v1/events?limit=100&cursor={page['next_cursor']}"
        page = api.call("auditor", "GET", path).json()
        found += [one["position"] for one in page["data"] if one["subject"] in own]
    return found


def test_a_merchant_follows_its_payments_and_resumes(api: ApiFixture) -> None:
    open_session = api.create_session()
    api.create_session("other_merchant")
    issued = ticket(api)
    with connect(issued["live_url"]) as backend:
        first = receive(backend)
        api.create_session("other_merchant")
        session, _ = api.create_paid_session()
        heard = [receive(backend) for _ in range(3)]

    assert [one["id"] for one in first["sessions"]] == [open_session["id"]]
    assert first["sessions"][0]["fee"]
    assert [one["session"]["id"] for one in heard] == [session["id"]] * 3
    assert heard[2]["event"] == "payment_session.paid"
    assert heard[2]["session"]["paid"]["wallet_id"] == session["paid"]["wallet_id"]

    with connect(issued["live_url"]) as again, pytest.raises(Exception, match="4001"):
        receive(again)
    for after in range(first["position"], heard[2]["position"] + 1):
        expected = own_positions(api, after)
        with connect(f"{ticket(api)['live_url']}&after={after}") as backend:
            assert [receive(backend)["position"] for _ in expected] == expected
    with connect(f"{ticket(api)['live_url']}&after={OUT_OF_REACH}") as backend:
        assert receive(backend)["recovered"] is False


def test_the_snapshot_of_many_sessions_is_bounded(api: ApiFixture) -> None:
    sessions = [api.create_session()["id"] for _ in range(OPEN_SESSIONS_MAX + 3)]

    with connect(ticket(api)["live_url"]) as backend:
        first = receive(backend)

    assert [one["id"] for one in first["sessions"]] == sessions[::-1][:OPEN_SESSIONS_MAX]
    assert first["has_more"] is True


@contextmanager
def notifier(api: ApiFixture, port: int) -> Iterator[subprocess.Popen[str]]:
    """`qrledger notify` in a process of its own, on another port."""
    environ = {
        **os.environ,
        "QRLEDGER_DATABASE_URL": api.url,
        "QRLEDGER_HOME": api.settings.home,
        "QRLEDGER_PORT": str(api.settings.port),
        "QRLEDGER_LIVE_PORT": str(port),
    }
    command = [sys.executable, "-c", "from infrastructure.cli import main; main()", "notify"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "notifying" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_killed_notifier_loses_nothing(api: ApiFixture) -> None:
    port = free_port()
    start = api.position()
    heard: list[int] = []
    for _ in range(2):
        with notifier(api, port) as process:
            after = heard[-1] if heard else start
            path = ticket(api)["live_url"].partition("/live")[2]
            with connect(f"ws://127.0.0.1:{port}/live{path}&after={after}") as backend:
                while len(heard) < len(own_positions(api, start)):
                    heard.append(receive(backend)["position"])
                api.create_paid_session()
                heard.append(receive(backend)["position"])
                process.send_signal(signal.SIGKILL)
                process.wait()
        api.create_paid_session()
    expected = own_positions(api, start)
    with notifier(api, port):
        path = ticket(api)["live_url"].partition("/live")[2]
        with connect(f"ws://127.0.0.1:{port}/live{path}&after={heard[-1]}") as backend:
            heard += [receive(backend)["position"] for _ in range(len(expected) - len(heard))]

    assert heard == expected


def stream_path(session: dict[str, Any]) -> str:
    """The stream of a session, with the token of its live address."""
    token = session["live_url"].partition("&token=")[2]
    return f"/v1/payment-sessions/{session['id']}/stream?token={token}"


def events(response: httpx.Response) -> Iterator[dict[str, str]]:
    """The events of a stream, as they come."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif "data" in fields:
            yield fields
            fields = {}
        else:
            fields = {}


def test_a_stream_follows_a_payment_over_http(api: ApiFixture) -> None:
    session = api.create_session()
    wallet = api.open_wallet()
    with (
        Client(base_url=api.settings.public_origin, timeout=20) as client,
        client.stream("GET", stream_path(session)) as response,
    ):
        assert response.headers["transfer-encoding"] == "chunked"
        assert "content-encoding" not in response.headers
        found = events(response)
        first = next(found)
        claim = api.scan(session, wallet).json()["claim"]["id"]
        second = next(found)
        assert api.pay(session, wallet, claim).status_code == 200
        rest = list(found)

    assert [one.get("id") for one in (first, second, *rest)] == ["1", "2", "3", None]
    assert json.loads(rest[0]["data"])["session"]["status"] == "paid"
    assert (rest[1]["event"], json.loads(rest[1]["data"])["code"]) == ("close", 1000)
    again = api.call("", "GET", stream_path(session), last_event_id="3")
    assert again.status_code == 204


def test_a_stopping_api_ends_its_streams_and_a_new_one_continues(
    make_ledger: Callable[[], str],
) -> None:
    url = make_ledger()
    with ExitStack() as open_, Client(timeout=20) as client:
        with served_api(url) as api:
            session = api.create_session()
            address = api.settings.public_origin + stream_path(session)
            found = events(open_.enter_context(client.stream("GET", address)))
            last = next(found)["id"]
        end = list(found)
    with served_api(url, port=api.settings.port) as fresh:
        fresh.keys |= {name: api.keys[name] for name in ("merchant", "wallet")}
        fresh.scan(session, fresh.open_wallet())
        address = fresh.settings.public_origin + stream_path(session)
        header = {"Last-Event-ID": last}
        with (
            Client(timeout=20) as client,
            client.stream("GET", address, headers=header) as response,
        ):
            missed = next(events(response))

    assert [json.loads(one["data"])["code"] for one in end] == [1012]
    assert missed["id"] == "2"


def test_a_client_that_never_reads_a_stream_does_not_delay_the_others(api: ApiFixture) -> None:
    session = api.create_session()

    async def stuck() -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection(api.settings.host, api.settings.port, limit=1)
        writer.write(f"GET {stream_path(session)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await writer.drain()
        return writer

    async def scenario() -> dict[str, Any]:
        writers = [await stuck() for _ in range(3)]
        followed = await asyncio.to_thread(one_payment)
        for writer in writers:
            writer.close()
        return followed

    def one_payment() -> dict[str, Any]:
        wallet = api.open_wallet()
        with (
            Client(base_url=api.settings.public_origin, timeout=20) as client,
            client.stream("GET", stream_path(session)) as response,
        ):
            found = events(response)
            next(found)
            assert api.scan(session, wallet).status_code == 200
            message: dict[str, Any] = json.loads(next(found)["data"])
            return message

    assert asyncio.run(scenario())["session"]["status"] == "scanned"
