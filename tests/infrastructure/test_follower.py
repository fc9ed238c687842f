"""Following the log: polling finds every event, and a gap is never skipped."""

from __future__ import annotations

import time
from threading import Thread

import psycopg
import pytest

from infrastructure.event_store import rows
from infrastructure.event_store.follower import Follower, LogCorrupt
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import DatabaseRole
from tests.support.ledger_fixture import LedgerFixture

pytestmark = pytest.mark.postgres


def test_an_event_is_found_without_a_notification(
    database_url: str, postgres_log: PostgresLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "CHANNEL", "nobody_speaks_here")
    ledger = LedgerFixture(postgres_log)
    seen: list[int] = []
    follower = Follower(postgres_log, database_url, DatabaseRole.READER, after=0)

    def follow() -> None:
        for page in follower.pages():
            seen.extend(recorded.position for recorded in page)

    Thread(target=follow, daemon=True).start()
    _until(lambda: len(seen) == postgres_log.head())
    ledger.create_session()
    _until(lambda: len(seen) == postgres_log.head())
    follower.stop()

    assert seen == list(range(1, postgres_log.head() + 1))


@pytest.mark.unaudited
def test_a_gap_in_the_log_stops_a_follower(database_url: str, postgres_log: PostgresLog) -> None:
    ledger = LedgerFixture(postgres_log)
    ledger.create_session()
    with psycopg.connect(database_url) as owner:
        owner.execute("set session_replication_role = replica")  # disables every trigger
        owner.execute("delete from ledger.events where notification_id = 1")

    with pytest.raises(LogCorrupt, match="between positions 0 and 2"):
        next(Follower(postgres_log, database_url, DatabaseRole.READER, after=0).pages())


def _until(so: object, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if callable(so) and so():
            return
        time.sleep(0.01)
    pytest.fail("it never came")
