"""Webhooks on PostgreSQL: workers that die between any two steps, two at a time."""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest

from api.views.webhooks import ViewBodies
from application.commands.add_webhook_endpoint import AddWebhookEndpoint
from application.processes.webhooks import Webhooks
from domain import ids
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.tasks import PostgresTasks
from infrastructure.postgres.webhooks import PostgresDeliveries
from infrastructure.webhooks.secrets import DerivedSecrets
from tests.chaos.installation import PROGRAM
from tests.faults.test_database_away import wait_for
from tests.faults.test_killed_worker import end_leases
from tests.support.documents import document_services
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows
from tests.support.receiver import receiving
from tests.support.task_fixture import STEPS, Worker
from tests.support.webhook_fixture import WALL_CLOCK, FakeSender, add_endpoint

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
SESSIONS, ENDPOINTS = 12, 3
WHE = "whe_01h455vb4pex5vsknk084sn02q"


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=4)
    yield pool
    pool.close()


def test_nothing_is_lost_nothing_is_out_of_order_and_duplicates_carry_the_same_id(
    database_url: str, postgres_log: PostgresLog, pool: ConnectionPool
) -> None:
    ledger, sender = LedgerFixture(postgres_log), FakeSender()
    process = Webhooks(
        postgres_log,
        PostgresDeliveries(pool.connection),
        sender,
        DerivedSecrets(lambda: bytes(32)),
        ViewBodies(document_services().config),
        lambda: WALL_CLOCK,
        Random(1),
    )
    workers = [
        Worker(process, PostgresTasks(pool), postgres_log, random=Random(seed)) for seed in (1, 2)
    ]
    for number in range(ENDPOINTS):
        add_endpoint(ledger, f"https://{number}.example/")
    sessions = [ledger.create_session() for _ in range(SESSIONS)]
    for session in sessions:
        ledger.send(ledger.cancel(session))

    for round_ in range(400):
        worker = workers[round_ % 2]
        worker.follow(7)
        worker.perform(kill_at=[*STEPS, ""][round_ % 5] if round_ < 60 else "")
        if round_ < 60 or round_ % 10 == 0:
            end_leases(database_url)
        if round_ > 60 and not rows(database_url, "select 1 from ledger.tasks limit 1"):
            break

    assert rows(database_url, "select * from ledger.tasks") == []
    expected = SESSIONS * ENDPOINTS * 2
    query = "select status, count(*) from ledger.webhook_deliveries group by 1"
    assert rows(database_url, query) == [("delivered", expected)]
    told: defaultdict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for call in sender.calls:
        seen = told[call.url, call.data["session"]["id"]]
        assert seen.setdefault(call.data["seq"], call.id) == call.id
    assert len(told) == SESSIONS * ENDPOINTS
    assert all(list(seen) == [1, 2] for seen in told.values())
    assert {session for _, session in told} == {ids.encode("ps", one) for one in sessions}
    assert len({(call.url, call.id, call.body) for call in sender.calls}) == expected


@contextmanager
def working(url: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`qrledger work` as a process of its own."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")}
    settings = {"DATABASE_URL": url, "HOME": str(home), "WEBHOOK_LOOPBACK": "true"}
    environ = {**plain, **{f"QRLEDGER_{name}": value for name, value in settings.items()}}
    process = subprocess.Popen([*PROGRAM, "work"], env=environ, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"working\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_worker_that_is_killed_in_the_middle_of_a_call_leaves_it_to_the_next_one(
    database_url: str, postgres_log: PostgresLog, home: Path
) -> None:
    ledger, hangs, released = LedgerFixture(postgres_log), Event(), Event()

    def hold(handler: Any) -> None:
        """The first call hangs until its worker is dead."""
        if not hangs.is_set():
            hangs.set()
            released.wait(30)
        with suppress(OSError):
            handler.send_response(204)
            handler.end_headers()

    with receiving(hold) as receiver:
        url = receiver.url
        added = ledger.send(
            AddWebhookEndpoint(
                merchant_id=ledger.merchant_id, endpoint_id=WHE, url=url, loopback=True
            )
        )
        session = ledger.create_session()
        ledger.send(ledger.cancel(session))
        with working(database_url, home) as worker:
            assert hangs.wait(20)
            worker.kill()
            worker.wait()
        released.set()
        end_leases(database_url)
        with working(database_url, home):
            calls = receiver.wait_for(3)
            query = "select 1 from ledger.tasks where process = 'webhooks'"
            wait_for(lambda: not rows(database_url, query))

    assert added.subject.endpoints[WHE].url == url
    told = [(json.loads(call.body)["data"]["seq"], call.headers["webhook-id"]) for call in calls]
    assert [seq for seq, _ in told] == [1, 1, 2]
    assert told[0] == told[1]
    assert calls[0].body == calls[1].body
    statuses = "select status, attempts from ledger.webhook_deliveries order by position"
    assert rows(database_url, statuses) == [("delivered", 1), ("delivered", 1)]
