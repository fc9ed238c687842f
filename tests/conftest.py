"""One PostgreSQL server per pytest process, and a migrated database per test that requests one.

What a test waits for is the set-up of its database, so it is a clone of a migrated template, and
the server is cheap: no fsync (a killed server loses nothing by that, a machine without power
would), and no password check for the superuser, who opens most of the connections. Other logins
authenticate as in production.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from infrastructure import audit
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import migrate
from infrastructure.postgres.server_process import SETTINGS, USER
from tests.support.postgres import TestClock, adopt_roles

settings.register_profile(
    "house", deadline=None, print_blob=True, suppress_health_check=list(HealthCheck)
)
settings.load_profile("house")

LAKE = ("duckdb", "pyarrow")
OF_LAKE = (
    "infrastructure/test_lake.py",
    "infrastructure/test_lake_restrictions.py",
    "house/test_duckdb_page.py",
)
"""Tests of the optional extra `lake`; `make setup` installs it."""
_without = [name for name in LAKE if find_spec(name) is None]
collect_ignore = list(OF_LAKE) if _without else []

_numbers = count(1)


def pytest_report_header() -> str:
    """Say which tests are left out."""
    missing = f"left out, as {' and '.join(_without)} cannot be imported: {', '.join(OF_LAKE)}"
    return missing if _without else "extra lake: installed"


@pytest.fixture(scope="session", autouse=True)
def no_name_server() -> Iterator[None]:
    """Names but `localhost` have no address: tests do not wait for a network, nor depend on one."""
    resolve = socket.getaddrinfo

    def local_only(host: Any, *arguments: Any, **named: Any) -> Any:
        if not _is_local(host):
            raise socket.gaierror(socket.EAI_NONAME, "tests ask no name server")
        return resolve(host, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", local_only)
        yield


def _is_local(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if not name or name == "localhost":
        return True
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A PostgreSQL; TEST_POSTGRES_MAJOR selects the version if several are installed."""
    major = os.environ.get("TEST_POSTGRES_MAJOR")
    server = EmbeddedServer(
        tmp_path_factory.mktemp("server"),
        major=int(major) if major else None,
        settings={**SETTINGS, "fsync": "off", "full_page_writes": "off"},
    )
    url = server.start()
    access = server.data / "pg_hba.conf"
    access.write_text(f"host all {USER} 127.0.0.1/32 trust\n{access.read_text()}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_reload_conf()")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def make_database(server: EmbeddedServer) -> Callable[[], str]:
    """Creates empty databases and returns their URLs."""

    def make() -> str:
        url = server.start()
        name = f"t{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return urlsplit(url)._replace(path=f"/{name}").geturl()

    return make


@pytest.fixture(scope="session")
def template(make_database: Callable[[], str]) -> str:
    """The name of a migrated test ledger that nobody connects to."""
    url = make_database()
    migrate(url, mode="test", token_secret=secrets.token_bytes(32))
    return urlsplit(url).path.removeprefix("/")


@pytest.fixture(scope="session")
def make_ledger(server: EmbeddedServer, template: str) -> Callable[[], str]:
    """Creates migrated test ledgers and returns their URLs."""

    def make() -> str:
        name = f"t{os.getpid()}_{next(_numbers)}"
        owner_url = server.start()
        with psycopg.connect(owner_url, autocommit=True) as connection:
            query = f"create database {name} template {template} strategy file_copy"
            connection.execute(query)
        url = urlsplit(owner_url)._replace(path=f"/{name}").geturl()
        adopt_roles(url, name, template)
        return url

    return make


@pytest.fixture
def database_url(make_ledger: Callable[[], str], request: pytest.FixtureRequest) -> Iterator[str]:
    """A new test ledger; after the test, every invariant must hold in it."""
    url = make_ledger()
    yield url
    if "unaudited" not in request.keywords:
        log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
        report = audit.check(url, log)
        log.close()
        assert not report.violations


@pytest.fixture
def postgres_log(database_url: str) -> Iterator[PostgresLog]:
    """The event log of a new ledger."""
    log = PostgresLog(ConnectionPool(database_url, DatabaseRole.WRITER, size_max=16))
    yield log
    log.close()


@pytest.fixture
def clock(database_url: str) -> TestClock:
    """Sets the clock of the ledger."""
    return TestClock(database_url)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder for the program."""
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """A command that runs in the process of the tests sets the level of the log: put it back."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
