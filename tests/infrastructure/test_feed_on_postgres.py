"""The feed on PostgreSQL: polling finds every event, a gap halts, connections are bounded."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from uuid_utils.compat import uuid7

from application.clock_guard import ClockGuard
from application.consumer import Page
from application.ports.metrics import NoMetrics
from application.processes.expiry import Expiry
from infrastructure.event_store import rows as log_rows
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.workers import process
from infrastructure.workers.process import leading
from projections._runner import Runner
from projections.sessions import Sessions
from projections.wallet_payments import WalletPayments
from tests.faults.test_database_away import wait_for
from tests.support.feeds import EVERY_TOPIC, Collector, followed
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres

READ_MODELS = 15


def test_an_event_is_found_without_a_notification(
    database_url: str, postgres_log: PostgresLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_rows, "CHANNEL", "a_channel_that_is_silent")
    ledger, collector = LedgerFixture(postgres_log), Collector()

    with followed(database_url, postgres_log, collector):
        wait_for(lambda: collector.position == postgres_log.head())
        ledger.create_session()
        wait_for(lambda: collector.position == postgres_log.head())

    assert collector.positions == list(range(1, postgres_log.head() + 1))


@pytest.mark.unaudited
@pytest.mark.parametrize("topics", [EVERY_TOPIC, frozenset({"nobody.follows"})])
def test_a_gap_in_the_log_halts_its_consumers(
    database_url: str, postgres_log: PostgresLog, topics: frozenset[str]
) -> None:
    LedgerFixture(postgres_log).create_session()
    with psycopg.connect(database_url) as owner:
        owner.execute("set session_replication_role = replica")  # disables every trigger
        owner.execute("delete from ledger.events where notification_id = 1")
    collector = Collector(topics=topics)

    with followed(database_url, postgres_log, collector) as supervisor:
        wait_for(lambda: supervisor.halted)
        halt = supervisor.loops["collector"]

    assert halt is not None
    assert halt.reason == "LogCorrupt"
    assert collector.pages == []


@pytest.mark.unaudited
def test_an_unknown_topic_is_named_and_not_fetched(postgres_log: PostgresLog) -> None:
    recorder: Any = postgres_log.recorder
    recorder.insert_events([StoredEvent(uuid7(), 1, "this:zen", b"{}")])

    page = postgres_log.page(0, 1000, EVERY_TOPIC)

    assert (page.last, list(page.events), list(page.unknown)) == (1, [], ["this:zen"])


def test_a_consumer_that_fails_or_is_slow_stops_no_other(
    database_url: str, postgres_log: PostgresLog
) -> None:
    released = Event()

    class Broken(Collector):
        def apply(self, page: Page) -> int:
            raise ZeroDivisionError

    class Slow(Collector):
        def apply(self, page: Page) -> int:
            released.wait(60)
            return super().apply(page)

    broken, slow, sound = Broken(name="broken"), Slow(name="slow"), Collector(name="sound")
    ledger = LedgerFixture(postgres_log)

    with followed(database_url, postgres_log, broken, slow, sound) as supervisor:
        for _ in range(3):
            ledger.create_session()
            wait_for(lambda: sound.position == postgres_log.head())
        wait_for(lambda: supervisor.halted == ["broken"])
        waiting = slow.position
        released.set()
        wait_for(lambda: slow.position == postgres_log.head())

    assert waiting == 0
    assert slow.positions == sound.positions == list(range(1, postgres_log.head() + 1))


def test_fifteen_read_models_listen_once_and_share_a_few_connections(
    database_url: str, postgres_log: PostgresLog
) -> None:
    def make_consumers(connect: Any) -> Sequence[Runner]:
        models: list[Any] = [
            type(f"Copy{number}", (WalletPayments,), {"name": f"copy_{number}"})
            for number in range(READ_MODELS - 1)
        ]
        return [Runner(model, connect) for model in (Sessions, *models)]

    ledger = LedgerFixture(postgres_log)
    ledger.create_session()
    before = rows(database_url, "select pid from pg_stat_activity")

    with leading(
        database_url,
        guard=ClockGuard(),
        make_consumers=make_consumers,
        processes=[Expiry()],
        metrics=NoMetrics(),
    ):
        at = "select count(*), min(position) from read_models.tracking"
        wait_for(lambda: _tables(database_url) == READ_MODELS)
        for _ in range(3):
            ledger.create_session()
            wait_for(lambda: rows(database_url, at) == [(READ_MODELS, postgres_log.head())])
        opened = rows(
            database_url,
            "select query from pg_stat_activity where datname = current_database() "
            f"and pid <> all (array{[pid for (pid,) in before]}) and pid <> pg_backend_pid()",
        )

    others = 3  # one for the bus, one for its snapshots, one for the tasks of expiry
    limit = process.READ_CONNECTIONS_MAX + process.APPLY_CONNECTIONS_MAX + 1 + others
    assert len(opened) <= limit
    assert [query for (query,) in opened if query.startswith("listen")] == ["listen ledger_events"]


def _tables(url: str) -> int:
    query = "select count(*) from information_schema.tables where table_schema = 'read_models'"
    return int(rows(url, f"{query} and table_name !~ '(tracking|__)'")[0][0])
