"""A halted loop: reported everywhere, restarted alone."""

from __future__ import annotations

import json
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from eventsourcing.persistence import StoredEvent
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as listen

from api.live.protocol import SessionFeed
from api.live.server import Notifier
from application.processes._performer import Performer
from application.processes.expiry import Expiry
from domain import ids
from infrastructure.workers import leadership, supervisor
from projections.sessions import Sessions
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import ApiFixture, api_fixture, served_api
from tests.support.postgres import rows

pytestmark = [pytest.mark.faults, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def fast_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halted loops restart almost at once."""
    monkeypatch.setattr(supervisor, "HALT_SECONDS_MIN", 0.2)
    monkeypatch.setattr(leadership, "ELECTION_SECONDS", 0.1)


def ready(api: ApiFixture) -> bool:
    return api.client.get("/readyz").status_code == 200


EXPIRIES = "select 1 from ledger.tasks where process = 'expiry'"


def metrics_of(api: ApiFixture) -> str:
    return str(api.call("operator", "GET", "/metrics").text)


def test_a_halted_process_is_reported_until_it_is_repaired(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Event()
    run_once = Performer.run_once

    def run(self: Performer) -> int:
        if broken.is_set() and self._process.name == "expiry":
            raise ValueError
        return run_once(self)

    monkeypatch.setattr(Performer, "run_once", run)
    with api_fixture(database_url) as api:
        wait_for(lambda: ready(api))
        metric = 'qrledger_loop_halted{name="expiry tasks"}'
        wait_for(lambda: f"{metric} 0.0" in metrics_of(api))
        head = api.position()

        broken.set()
        wait_for(lambda: not ready(api))
        document = api.client.get("/readyz").json()
        figures = metrics_of(api)
        broken.clear()
        wait_for(lambda: ready(api))

        assert (document["code"], document["detail"]) == (
            "not-ready",
            "Not ready: expiry tasks is halted.",
        )
        assert f"{metric} 1.0" in figures
        assert f"{metric} 0.0" in metrics_of(api)
        assert api.position() == head


def test_an_event_that_a_process_cannot_take_in_halts_it_alone(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    react, broken = Expiry.react, Event()

    def poisoned(self: Expiry, recorded: Any) -> Any:
        if broken.is_set():
            raise KeyError
        return react(self, recorded)

    monkeypatch.setattr(Expiry, "react", poisoned)
    with api_fixture(database_url) as api:
        wait_for(lambda: ready(api))
        broken.set()
        session = api.create_session()
        wait_for(lambda: "expiry is halted" in api.client.get("/readyz").text)
        listed = f"/v1/payment-sessions?at_least={session['position']}"
        wait_for(lambda: api.call("merchant", "GET", listed).status_code == 200)
        stored = rows(database_url, EXPIRIES)
        broken.clear()
        wait_for(lambda: ready(api))
        wait_for(lambda: rows(database_url, EXPIRIES))

    assert stored == []


def test_other_read_models_continue_beside_a_halted_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, broken = Sessions.apply, Event()

    def poisoned(*arguments: Any) -> None:
        if broken.is_set():
            raise TypeError
        apply(*arguments)

    monkeypatch.setattr(Sessions, "apply", staticmethod(poisoned))
    with api_fixture(database_url) as api:
        api.create_session()
        wait_for(lambda: ready(api))
        broken.set()
        _, wallet = api.create_paid_session()
        path = f"/v1/wallets/{wallet}/payments"
        wait_for(lambda: len(api.call("wallet", "GET", path).json()["data"]) == 1)
        wait_for(lambda: not ready(api))
        wait_for(lambda: "sessions is halted" in api.client.get("/readyz").text)
        broken.clear()
        wait_for(lambda: ready(api))

        sessions = api.call("merchant", "GET", "/v1/payment-sessions").json()["data"]
        assert [session["status"] for session in sessions] == ["paid", "created"]


def test_a_list_that_was_never_built_is_503(database_url: str) -> None:
    with api_fixture(database_url, projections=False) as api:
        response = api.call("merchant", "GET", "/v1/payment-sessions")

    assert (response.status_code, response.json()["code"]) == (503, "overloaded")


@pytest.mark.unaudited
def test_an_unknown_event_stops_no_loop(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with served_api(database_url) as api:
        watched, other = api.create_session(), api.create_session()
        wait_for(lambda: ready(api))
        live = f"http://127.0.0.1:{api.settings.live_port}"
        recorder: Any = api.services.log.recorder  # type: ignore[attr-defined]
        with listen(watched["live_url"]) as strange, listen(other["live_url"]) as screen:
            screen.recv(10), strange.recv(10)
            stream = ids.decode("ps", watched["id"])
            for unknown in (
                StoredEvent(uuid4(), 1, "this:zen", b"{}"),
                StoredEvent(stream, 2, "payment_session.refunded", b"{}"),
                StoredEvent(uuid4(), 1, "payment_session.refunded", b"{}"),
            ):
                recorder.insert_events([unknown])
            wallet = api.open_wallet()
            claim = api.scan(other, wallet).json()["claim"]["id"]
            paid = api.pay(other, wallet, claim)
            heard = [json.loads(screen.recv(10))["event"] for _ in range(2)]

        assert paid.status_code == 200
        assert heard == ["payment_session.scanned", "payment_session.paid"]
        wait_for(lambda: ready(api))
        assert rows(database_url, "select 1 from ledger.worker_loops where reason notnull") == []
        assert httpx.get(f"{live}/healthz").text == "ok\n"
        assert "qrledger_unknown_events_total 3.0" in httpx.get(f"{live}/metrics").text
        page = api.call("auditor", "GET", "/v1/events?limit=100").json()["data"]
        assert {"this:zen", "payment_session.refunded"} <= {event["type"] for event in page}
        folded = api.call("merchant", "GET", f"/v1/payment-sessions/{watched['id']}")
        assert (folded.status_code, folded.json()["code"]) == (500, "internal-error")
        assert "must be upgraded" in caplog.text


def test_a_halted_notifier_is_reported_and_delivers_everything_later(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, broken = Notifier.feed, Event()

    def fails(self: Notifier, page: Any) -> None:
        if broken.is_set() and page:
            raise ValueError
        feed(self, page)

    monkeypatch.setattr(Notifier, "feed", fails)
    with served_api(database_url) as api:
        health = f"http://127.0.0.1:{api.settings.live_port}/healthz"
        session, wallet = api.create_session(), api.open_wallet()
        with listen(session["live_url"]) as screen:
            screen.recv(10)
            broken.set()
            assert api.scan(session, wallet).status_code == 200
            wait_for(lambda: httpx.get(health).status_code == 503)
            text = httpx.get(health).text
            broken.clear()
            heard = json.loads(screen.recv(20))
        wait_for(lambda: httpx.get(health).status_code == 200)

    assert text == "halted: notifier\n"
    assert heard["event"] == "payment_session.scanned"


def test_a_failure_of_one_listener_affects_no_other(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served_api(database_url) as api:
        bad, good = api.create_session(), api.create_session()
        poisoned: UUID = ids.decode("ps", bad["id"])
        apply = SessionFeed.apply

        def fails(self: SessionFeed, recorded: Any) -> bool:
            if recorded.stream_id == poisoned and recorded.version > 1:
                raise RuntimeError
            return apply(self, recorded)

        with listen(bad["live_url"]) as silent, listen(good["live_url"]) as screen:
            silent.recv(10), screen.recv(10)
            monkeypatch.setattr(SessionFeed, "apply", fails)
            wallet = api.open_wallet()
            for session in (bad, good):
                assert api.scan(session, wallet).status_code == 200
            heard = json.loads(screen.recv(10))
            with pytest.raises(ConnectionClosed):
                silent.recv(10)
        monkeypatch.setattr(SessionFeed, "apply", apply)
        with listen(f"{bad['live_url']}&after=1") as again:
            missed = json.loads(again.recv(10))

        assert heard["event"] == "payment_session.scanned"
        assert silent.close_code == 1012
        assert missed["event"] == "payment_session.scanned"
        assert api.client.get("/healthz").status_code == 200
