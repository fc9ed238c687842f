"""Webhooks by real processes: the worker killed and PostgreSQL restarted in the middle of calls."""

from __future__ import annotations

import json
import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from uuid import UUID

import psycopg
import pytest

from application.commands.add_webhook_endpoint import AddWebhookEndpoint
from application.errors import LogUnavailable
from domain import ids
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import migrate
from tests.faults.test_database_away import wait_for
from tests.faults.test_killed_worker import end_leases
from tests.faults.test_webhooks import working
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows
from tests.support.receiver import Got, Receiver, receiving

pytestmark = [pytest.mark.faults, pytest.mark.postgres, pytest.mark.timeout(180)]
ENDPOINTS, SESSIONS = 2, 4
HELD_SECONDS = 30


class Gate:
    """Lets one call hang whenever the test asks for it; every call is answered with 204."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._armed = False
        self._hangs, self._released = Event(), Event()

    def answer(self, handler: Any) -> None:
        with self._lock:
            hangs, self._armed = self._armed, False
        if hangs:
            self._hangs.set()
            self._released.wait(HELD_SECONDS)
        with suppress(OSError):
            handler.send_response(204)
            handler.end_headers()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Within the context, the next call hangs; it is answered at the end."""
        self._hangs.clear()
        self._released.clear()
        with self._lock:
            self._armed = True
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Answer the call that hangs."""
        self._released.set()

    def wait(self) -> None:
        """Wait until the call hangs."""
        assert self._hangs.wait(HELD_SECONDS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A migrated PostgreSQL of this test's own, which is restarted whenever it ends."""
    server, stopped = EmbeddedServer(tmp_path / "store"), Event()
    migrate(server.start(), mode="test", token_secret=b"s" * 32)
    watch = Thread(target=server.keep_alive, args=(stopped,), daemon=True)
    watch.start()
    yield server
    stopped.set()
    watch.join(30)
    server.stop()


def restart(server: EmbeddedServer, number: signal.Signals, gate: Gate) -> None:
    """End PostgreSQL, answer the call that hangs, and wait until PostgreSQL has been restarted."""
    before = server.pid
    assert before
    os.kill(before, number)
    gate.release()
    wait_for(lambda: server.pid not in {None, before} and _answers(server))
    url = server.running_url() or ""
    end = (
        "update ledger.tasks set leased_at = leased_at - interval '1 hour' "
        "where token notnull and leased_at < pg_postmaster_start_time()"
    )
    rows(url, end, fetch=False)  # as if the time of every lease that could not be settled were over


def _answers(server: EmbeddedServer) -> bool:
    url = server.running_url()
    try:
        return url is not None and rows(url, "select 1") == [(1,)]
    except psycopg.Error:
        return False


def sessions(ledger: LedgerFixture) -> list[UUID]:
    """Sessions that were created and cancelled."""
    made = [ledger.create_session() for _ in range(SESSIONS)]
    for session in made:
        ledger.send(ledger.cancel(session))
    return made


def nothing_waits(url: str) -> bool:
    """Whether every webhook has been sent."""
    return rows(url, "select 1 from ledger.tasks where process = 'webhooks' limit 1") == []


def told(receiver: Receiver) -> dict[tuple[str, str], list[Got]]:
    """The calls for each path and session, in the order of arrival."""
    calls: defaultdict[tuple[str, str], list[Got]] = defaultdict(list)
    for call in receiver.calls:
        calls[call.path, json.loads(call.body)["data"]["session"]["id"]].append(call)
    return dict(calls)


def test_nothing_is_lost_and_duplicates_carry_the_same_id(
    server: EmbeddedServer, home: Path
) -> None:
    url, gate = server.start(), Gate()
    pool = ConnectionPool(url, DatabaseRole.WRITER, size_max=4)
    log = PostgresLog(pool)
    ledger = LedgerFixture(log)
    made: list[UUID] = []

    with receiving(gate.answer) as receiver:
        for number in range(ENDPOINTS):
            endpoint = ids.encode("whe", ledger.new_id())
            ledger.send(
                AddWebhookEndpoint(
                    merchant_id=ledger.merchant_id,
                    endpoint_id=endpoint,
                    url=f"{receiver.url}/{number}",
                    loopback=True,
                )
            )
        with gate.hanging():
            made += sessions(ledger)
            with working(url, home) as worker:
                gate.wait()
                worker.kill()
                worker.wait()
        end_leases(url)
        with working(url, home) as worker:
            wait_for(lambda: nothing_waits(url))
            for number in (signal.SIGQUIT, signal.SIGINT):  # a crash, then an orderly restart
                with gate.hanging():
                    made += sessions(ledger)
                    gate.wait()
                    restart(server, number, gate)
                wait_for(lambda: _is_back(log))
            wait_for(lambda: nothing_waits(url))
            survived = worker.poll() is None
    log.close()

    calls = told(receiver)
    assert survived
    assert calls.keys() == {
        (f"/hooks/{number}", ids.encode("ps", session))
        for number in range(ENDPOINTS)
        for session in made
    }
    for of_one in calls.values():
        seqs = [json.loads(call.body)["data"]["seq"] for call in of_one]
        assert sorted(set(seqs)) == [1, 2]
        assert seqs == sorted(seqs)
        assert len({(call.headers["webhook-id"], call.body) for call in of_one}) == 2
    statuses = rows(url, "select status, count(*) from ledger.webhook_deliveries group by 1")
    assert statuses == [("delivered", 2 * ENDPOINTS * len(made))]
    assert len(receiver.calls) > 2 * ENDPOINTS * len(made)  # what hung was sent again


def _is_back(log: PostgresLog) -> bool:
    try:
        return log.head() > 0
    except LogUnavailable:
        return False
