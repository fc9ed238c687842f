"""The database becomes unavailable at the worst moments; no wrong outcome is ever reported."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Thread
from urllib.parse import urlsplit

import psycopg
import pytest

from application.command import Outcome, Result
from application.writer import Writer
from domain.errors import LedgerError
from domain.sessions.state import Status
from infrastructure.event_store import recorder as recorder_module
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer
from tests.support.feeds import Collector, followed
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.postgres import rows

pytestmark = [pytest.mark.faults, pytest.mark.postgres]


class CuttingProxy:
    """Forwards bytes to PostgreSQL; on demand drops the next result and closes the connection."""

    def __init__(self, url: str) -> None:
        self._target = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.cut_after = b""
        self.cuts = 0
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            Thread(target=self._forth, args=(client, server), daemon=True).start()
            Thread(target=self._back, args=(server, client), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                server.sendall(data)
        except OSError:
            pass
        _end(server)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                if self.cut_after and self.cut_after in data:
                    self.cut_after = b""  # committed, but the result is lost
                    self.cuts += 1
                    break
                client.sendall(data)
        except OSError:
            pass
        _end(client)
        _end(server)


def _end(link: socket.socket) -> None:
    """Wake the peer and the reading thread; close alone would wake neither."""
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()


@pytest.fixture
def proxy(database_url: str) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(database_url)
    yield proxy
    proxy.close()


def through(url: str, proxy: CuttingProxy) -> str:
    parts = urlsplit(url)
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"
    return parts._replace(netloc=netloc).geturl()


def test_a_result_lost_after_the_commit_is_recovered_without_a_conflict(
    database_url: str, proxy: CuttingProxy
) -> None:
    log = PostgresLog(ConnectionPool(through(database_url, proxy), DatabaseRole.WRITER, size_max=1))
    ledger = LedgerFixture(log)
    wallet, session = ledger.open_wallet(), ledger.create_session()
    claim = ledger.claim_session(session, wallet)
    proxy.cut_after = b"verdict"  # only the result of an append has this column

    outcome = ledger.send(ledger.pay(session, wallet, claim), key="k")

    assert proxy.cuts == 1
    assert outcome.subject.status is Status.PAID
    assert not outcome.replayed
    paid = "select count(*) from ledger.events where topic = 'payment_session.paid'"
    assert rows(database_url, paid) == [(1,)]
    assert ledger.wallet(wallet).available_minor == 99_000
    log.close()


def test_a_batch_whose_result_is_lost_is_settled(database_url: str, proxy: CuttingProxy) -> None:
    log = PostgresLog(ConnectionPool(through(database_url, proxy), DatabaseRole.WRITER, size_max=1))
    ledger = LedgerFixture(log)
    proxy.cut_after = b"verdict"  # only the result of an append has this column

    results = ledger.bus.send_all([envelope(ledger.create(f"A-{n}")) for n in range(50)])

    assert proxy.cuts == 1
    assert all(isinstance(result, Outcome) for result in results)
    created = "select count(*) from ledger.events where topic = 'payment_session.created'"
    assert rows(database_url, created) == [(50,)]
    log.close()


def test_an_unknown_outcome_is_reported_as_unknown(
    database_url: str, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "SETTLE_SECONDS", 0.3)
    log = PostgresLog(ConnectionPool(through(database_url, proxy), DatabaseRole.WRITER, size_max=1))
    ledger = LedgerFixture(log)
    command = ledger.create("A-1")
    proxy.cut_after = b"verdict"  # only the result of an append has this column
    monkeypatch.setattr("infrastructure.postgres.connections.connect", refuse := Refusing(proxy))

    assert ledger.try_send(command, key="k") == "overloaded"
    refuse.over = True
    again = ledger.send(ledger.create("A-1"), key="k")

    assert again.replayed
    assert again.subject.id == command.session_id
    log.close()


class Refusing:
    """Refuses connections after the cut, until the test ends."""

    def __init__(self, proxy: CuttingProxy) -> None:
        from infrastructure.postgres import connections  # noqa: PLC0415

        self._connect = connections.connect
        self._proxy = proxy
        self.over = False

    def __call__(self, url: str, database_role: DatabaseRole, **_: int) -> object:
        if self._proxy.cuts and not self.over:
            raise psycopg.OperationalError
        return self._connect(url, database_role)


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path_factory.mktemp("own"))
    yield server
    server.stop()


def restart(server: EmbeddedServer, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    server.stop()
    monkeypatch.setattr("infrastructure.postgres.server_process.free_port", lambda: port)
    server.start()


def test_a_restart_under_traffic_loses_nothing_acknowledged(
    own_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infrastructure.postgres.migrate import migrate  # noqa: PLC0415

    url = own_server.start()
    migrate(url, mode="test", token_secret=b"s" * 32)
    log = PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=4))
    follow_log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=2))
    ledger = LedgerFixture(log)
    writer = Writer(ledger.bus)
    writer.start()
    acknowledged: list[Outcome] = []
    refused: list[str] = []
    stop = Event()
    collector = Collector()

    def answered(result: Result) -> None:
        if isinstance(result, LedgerError):
            refused.append(result.code)
        else:
            acknowledged.append(result)

    def traffic() -> None:
        while not stop.is_set():
            writer.submit(envelope(ledger.create()), answered)
            time.sleep(0.002)

    thread = Thread(target=traffic, daemon=True)
    with followed(url, follow_log, collector):
        thread.start()
        wait_for(lambda: len(acknowledged) > 50)
        restart(own_server, urlsplit(url).port or 0, monkeypatch)
        before = len(acknowledged)
        wait_for(lambda: len(acknowledged) > before + 50)
        stop.set()
        thread.join(10)
        writer.stop()
        wait_for(lambda: collector.position == log.head())

    stored = {recorded.position for recorded in log.read(0, 1000)} | set(
        range(1001, log.head() + 1)
    )
    assert {outcome.position for outcome in acknowledged} <= stored
    assert set(refused) <= {"overloaded"}
    assert collector.positions == list(range(1, log.head() + 1))
    created = rows(url, "select count(*) from ledger.events where topic ~ 'session.created'")
    assert created[0][0] >= len(acknowledged)
    log.close()
    follow_log.close()


def test_a_feed_survives_terminated_backends(database_url: str, postgres_log: PostgresLog) -> None:
    ledger = LedgerFixture(postgres_log)
    collector = Collector()

    with followed(database_url, postgres_log, collector) as supervisor:
        for _ in range(3):
            ledger.create_session()
            wait_for(lambda: collector.position == postgres_log.head())
            rows(
                database_url,
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()",
            )
        ledger_head = wait_for(lambda: ledger.try_send(ledger.create()) and postgres_log.head())
        wait_for(lambda: collector.position == postgres_log.head())

        assert ledger_head
        assert collector.positions == list(range(1, postgres_log.head() + 1))
        assert supervisor.halted == []


def test_the_librarys_subscription_survives_terminated_backends(
    database_url: str, postgres_log: PostgresLog
) -> None:
    ledger = LedgerFixture(postgres_log)
    ledger.create_session()
    with postgres_log.recorder.subscribe(gt=0) as subscription:
        seen = [next(subscription).id for _ in range(postgres_log.head())]
        rows(
            database_url,
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()",
        )
        wait_for(lambda: isinstance(ledger.try_send(ledger.create()), Outcome))
        seen += [next(subscription).id for _ in range(postgres_log.head() - len(seen))]

    assert seen == list(range(1, postgres_log.head() + 1))


def wait_for(condition: Callable[[], object], seconds: float = 30) -> object:
    """Wait until a condition holds; fail if it never does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail("it never came")
