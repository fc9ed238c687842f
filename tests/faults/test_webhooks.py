"""Webhooks on PostgreSQL: workers that die between any two steps, two at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from random import Random

import pytest

from api.views.webhooks import ViewBodies
from application.processes.webhooks import Webhooks
from domain import ids
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.tasks import PostgresTasks
from infrastructure.postgres.webhooks import PostgresDeliveries
from infrastructure.webhooks.secrets import DerivedSecrets
from tests.faults.test_killed_worker import end_leases
from tests.support.documents import document_services
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows
from tests.support.task_fixture import STEPS, Worker
from tests.support.webhook_fixture import WALL_CLOCK, FakeSender, add_endpoint

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
SESSIONS, ENDPOINTS = 12, 3


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
