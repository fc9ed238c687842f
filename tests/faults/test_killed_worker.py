"""A worker that is killed between any two steps of a task, on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from random import Random

import pytest

from application.processes.expiry import Expiry
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.tasks import PostgresTasks
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows
from tests.support.task_fixture import STEPS, Deliveries, Worker

pytestmark = [pytest.mark.faults, pytest.mark.postgres]


@pytest.fixture
def store(database_url: str) -> Iterator[PostgresTasks]:
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=2)
    yield PostgresTasks(pool)
    pool.close()


def end_leases(url: str) -> None:
    """As if the time of every lease were over."""
    back = "update ledger.tasks set leased_at = leased_at - interval '1 hour' where token notnull"
    rows(url, back, fetch=False)


def test_calls_are_made_again_and_commands_are_recorded_once(
    database_url: str, postgres_log: PostgresLog, store: PostgresTasks
) -> None:
    ledger = LedgerFixture(postgres_log)
    process = Deliveries(wallet := ledger.open_wallet(0), lambda _task: None)
    worker = Worker(process, store, postgres_log, random=Random(1))
    orders = [f"{lane}-{number}" for lane, number in product("abc", range(8))]
    for order in orders:
        ledger.create_session(order)
    worker.follow(5)

    for round_ in range(60):
        worker.perform(kill_at=[*STEPS, ""][round_ % 5])
        end_leases(database_url)

    assert rows(database_url, "select * from ledger.tasks") == []
    assert ledger.wallet(wallet).available_minor == len(orders)
    for lane in "abc":
        firsts = dict.fromkeys(call for call in process.calls if call.startswith(lane))
        assert list(firsts) == [order for order in orders if order.startswith(lane)]


def test_every_session_expires_once(
    database_url: str, postgres_log: PostgresLog, store: PostgresTasks
) -> None:
    ledger = LedgerFixture(postgres_log)
    sessions = [ledger.create_session() for _ in range(40)]
    worker = Worker(Expiry(), store, postgres_log, random=Random(2))
    worker.follow()
    rows(
        database_url,
        "create or replace function ledger.server_now() returns timestamptz language sql volatile "
        "as 'select clock_timestamp() + interval ''1 hour'''",
        fetch=False,
    )

    for step in [*STEPS, *STEPS, ""]:
        worker.perform(kill_at=step)
        end_leases(database_url)
        worker.follow()

    expired = Counter(
        stream
        for (stream,) in rows(
            database_url,
            "select originator_id from ledger.events where topic = 'payment_session.expired'",
        )
    )
    assert expired == Counter(sessions)
    assert rows(database_url, "select * from ledger.tasks") == []
