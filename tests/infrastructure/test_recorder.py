"""The library's own shipped test cases, run on our recorder.

Its subscribe case and its concurrency cases start streams at version 0 or 1; the append function
takes either. One case contradicts us: the aggregate recorder's wants `insert_events` to answer
None, while an application recorder (ours, and the library's own) answers with positions; the case
runs on a recorder that keeps them to itself. The process-recorder cases are not run: `tracking=` is
not supported, a process names its commands instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, StoredEvent
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)

from infrastructure.event_store.datastore import LedgerDatastore
from infrastructure.event_store.recorder import LedgerRecorder
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole

pytestmark = [pytest.mark.contract, pytest.mark.postgres, pytest.mark.unaudited]


class OnOurs:
    """Gives the library's test cases a recorder on a new ledger."""

    INITIAL_VERSION = 1
    _recorder: LedgerRecorder

    @pytest.fixture(autouse=True)
    def _fresh(self, database_url: str) -> Any:
        connections = ConnectionPool(database_url, DatabaseRole.WRITER, size_max=20)
        self._recorder = LedgerRecorder(LedgerDatastore(connections))
        yield
        connections.close()

    def new_originator_id(self) -> UUID:
        return uuid4()

    def create_recorder(self) -> LedgerRecorder:
        return self._recorder


class Silent(LedgerRecorder):
    """Returns no positions, as the aggregate recorder's test case expects."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class TestAggregateRecorder(OnOurs, AggregateRecorderTestCase):
    """Insert and select."""

    def create_recorder(self) -> LedgerRecorder:
        return Silent(cast("LedgerDatastore", self._recorder.datastore))


class TestApplicationRecorder(OnOurs, ApplicationRecorderTestCase[LedgerRecorder]):
    """Notifications, concurrency, subscriptions."""

    EXPECT_CONTIGUOUS_NOTIFICATION_IDS = True

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleaving(OnOurs, NonInterleavingNotificationIDsBaseCase):
    """Two writers of a thousand events each never interleave."""

    def create_recorder(self) -> ApplicationRecorder:  # type: ignore[override]
        return self._recorder


def test_conflicts_use_no_position(database_url: str) -> None:
    recorder = LedgerRecorder(
        LedgerDatastore(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=1))
    )

    def event(version: int, stream: UUID = uuid4()) -> StoredEvent:  # noqa: B008 - one stream
        return StoredEvent(stream, version, "topic", b"state")

    assert recorder.insert_events([event(1)]) == [1]
    for _ in range(50):
        with pytest.raises(IntegrityError):
            recorder.insert_events([event(1)])
    assert recorder.insert_events([event(2)]) == [2]


def test_an_application_of_the_library_runs_on_the_recorder(
    database_url: str, make_database: Callable[[], str]
) -> None:
    from eventsourcing.application import Application  # noqa: PLC0415

    from domain.wallets.wallet_app import WalletApp  # noqa: PLC0415

    recorder = LedgerRecorder(
        LedgerDatastore(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=2))
    )

    class Apps(Application[UUID]):
        env = {"MAPPER_TOPIC": "infrastructure.event_store.mapper:LedgerMapper"}  # noqa: RUF012

        def construct_recorder(self) -> ApplicationRecorder:
            return recorder

    from datetime import UTC, datetime  # noqa: PLC0415

    apps = Apps()
    app = WalletApp.register(wallet_app_id=uuid4(), name="App", at=datetime.now(UTC))
    apps.save(app)

    assert apps.repository.get(app.id) == app
