"""The embedded server: durable, never root, shared by processes; and connections to any server."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from infrastructure.database import open_database
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import binaries, runtime_login, server_process
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole, connect, role_name
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import migrate
from infrastructure.postgres.server_process import EmbeddedError
from infrastructure.settings import Settings
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows

pytestmark = pytest.mark.postgres


def test_it_is_durable_private_and_not_root(home: Path) -> None:
    server = EmbeddedServer(home)
    url = server.start()
    try:
        [(values,)] = rows(
            url,
            "select array_agg(setting order by name) from pg_settings where name in "
            "('data_checksums', 'fsync', 'full_page_writes', 'listen_addresses',"
            " 'synchronous_commit')",
        )

        assert values == ["on", "on", "on", "127.0.0.1", "on"]
        assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
        assert server.folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.replace("qrledger:", "qrledger:x", 1))
    finally:
        server.stop()


def test_a_second_process_joins_it_and_leaves_it_running(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    second = EmbeddedServer(server._home)

    assert second.start() == server.start()
    second.stop()

    assert rows(server.start(), "select 1") == [(1,)]


def test_a_stop_and_a_start_keep_the_data(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "home")
    with psycopg.connect(server.start()) as connection:
        connection.execute("create table stored as select 1 as a")
    server.stop()
    assert server.pid is None

    again = EmbeddedServer(tmp_path / "home")
    assert rows(again.start(), "select a from stored") == [(1,)]
    again.stop()


def test_without_a_postgresql_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_system", list)
    monkeypatch.setattr(binaries, "_wheel", list)

    with pytest.raises(EmbeddedError, match=r"qrledger\[embedded\].*QRLEDGER_DATABASE_URL"):
        EmbeddedServer(tmp_path / "home").start()


def test_a_system_installation_takes_precedence_over_the_wheel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def several() -> list[binaries.Binaries]:
        return [binaries.Binaries(Path("/a"), 14), binaries.Binaries(Path("/b"), 16)]

    monkeypatch.setattr(binaries, "_system", several)
    monkeypatch.setattr(binaries, "_wheel", lambda: [binaries.Binaries(Path("/c"), 18)])

    assert binaries.find() == binaries.Binaries(Path("/b"), 16)
    assert binaries.find(major=18) == binaries.Binaries(Path("/c"), 18)
    assert binaries.find(major=14) is None


def test_every_connection_has_timeouts_and_keepalives(database_url: str) -> None:
    with connect(database_url, DatabaseRole.WRITER) as connection:
        settings: dict[str, str] = dict(
            connection.execute(
                "select name, setting from pg_settings where name in ('statement_timeout', "
                "'lock_timeout', 'idle_in_transaction_session_timeout', 'synchronous_commit')"
            ).fetchall()
        )
        parameters = connection.info.get_parameters()
    idle = int(parameters["keepalives_idle"])
    idle += int(parameters["keepalives_interval"]) * int(parameters["keepalives_count"])

    assert settings == {
        "statement_timeout": "30000",
        "lock_timeout": "5000",
        "idle_in_transaction_session_timeout": "5000",
        "synchronous_commit": "on",
    }
    assert idle < 10
    assert int(parameters["tcp_user_timeout"]) < 10_000
    assert int(parameters["connect_timeout"]) < 10


def test_a_pool_is_bounded_and_discards_broken_connections(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.postgres.connections.WAIT_SECONDS", 0.05)
    pool = ConnectionPool(database_url, DatabaseRole.READER, size_max=2)
    with (
        pool.connection() as first,
        pool.connection() as second,
        pytest.raises(psycopg.OperationalError, match="in time"),
        pool.connection(),
    ):
        assert first is not second
    rows(
        database_url,
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()",
    )
    with pytest.raises(psycopg.OperationalError), pool.connection() as dead:
        dead.execute("select 1")
    with pool.connection() as fresh:
        assert fresh.execute("select 1").fetchone() == (1,)
    pool.close()
    with pytest.raises(psycopg.OperationalError, match="closed"), pool.connection():
        pass


def test_long_database_names_have_roles_too() -> None:
    names = {role_name("x" * 63, database_role) for database_role in DatabaseRole} | {
        role_name("x" * 62 + "y", DatabaseRole.WRITER)
    }

    assert len(names) == len(DatabaseRole) + 1
    assert all(len(name) <= 63 for name in names)


def test_a_server_of_our_own_takes_no_ephemeral_port() -> None:
    assert server_process.PORTS.stop <= 32_768


def test_an_old_home_gets_a_restricted_login_at_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    old = EmbeddedServer(home)
    url = old.start()  # as the first version left it: with the superuser only
    migrate(url, mode="test", token_secret=b"s" * 32)
    log = PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=1))
    LedgerFixture(log).create_session()
    log.close()
    old.stop()

    with caplog.at_level(logging.WARNING), open_database(Settings(home=str(home))) as first:
        log = PostgresLog(ConnectionPool(first, DatabaseRole.WRITER, size_max=1))
        assert log.head() == 5  # with log.opened
        LedgerFixture(log).create_session()
        log.close()
        with psycopg.connect(first, autocommit=True) as connection:
            who = connection.execute("select session_user::text").fetchone()
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("set role qrledger")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"set role {role_name('qrledger', DatabaseRole.OWNER)}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select * from ledger.events")
    with open_database(Settings(home=str(home))) as second:
        assert urlsplit(second).password == urlsplit(first).password

    assert who == (runtime_login.LOGIN,)
    file = old.folder / runtime_login.PASSWORD_FILE
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o600, urlsplit(first).password)
    assert "superuser" not in caplog.text


def test_concurrent_starts_share_the_login_and_a_lost_password_is_replaced(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    url = server.start()
    migrate(url, mode="test", token_secret=b"s" * 32)

    with ThreadPoolExecutor(4) as pool:
        urls = set(pool.map(lambda _: runtime_login.embedded_url(url, tmp_path), range(4)))
    [url_of_all] = urls
    assert rows(url_of_all, "select 1") == [(1,)]

    (tmp_path / runtime_login.PASSWORD_FILE).unlink()
    owner = role_name("qrledger", DatabaseRole.OWNER)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"grant {owner} to {runtime_login.LOGIN}")
    two = runtime_login.embedded_url(url, tmp_path)
    with psycopg.connect(two) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"set role {owner}")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url_of_all)
