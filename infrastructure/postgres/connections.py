"""Connections to PostgreSQL: restricted roles, bounded waits, dead links detected in time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from threading import Condition
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from infrastructure.postgres import deadline

CONNECT_SECONDS: Final = 5
CONNECT_SECONDS_MIN: Final = 2
"""libpq does not support a shorter limit."""
WAIT_SECONDS: Final = 5.0
"""How long a caller waits for a connection of a pool that has none free."""
STATEMENT_SECONDS: Final = 30
LINK_SECONDS: Final = STATEMENT_SECONDS + 5.0
"""The default limit of one use of a pooled connection: longer than the server's own limit of a
statement, so that only a use whose server no longer responds reaches it."""
LOCK_SECONDS: Final = 5
IDLE_IN_TRANSACTION_SECONDS: Final = 5
ROLE_CHARS_MAX: Final = 63

KEEPALIVE: Final[dict[str, int]] = {
    # A link that drops every packet is detected after 5 + 2 x 2 = 9 s if idle, else after 8 s.
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8000,
}


PLANNER: Final[dict[str, int | str]] = {
    # Everything is read by key. A plan made for a small table must not scan a large one.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # For few keys PostgreSQL would plan every execution, which takes longer than the query.
    "plan_cache_mode": "force_generic_plan",
}


class DatabaseRole(StrEnum):
    """The rights of a connection; each is a role of the database, assumed with SET ROLE."""

    OWNER = "owner"
    WRITER = "writer"
    PROJECTOR = "projector"
    READER = "reader"
    SEALER = "sealer"


def role_name(database: str, database_role: DatabaseRole) -> str:
    """The name of a role; it begins with the database's name because roles are cluster-wide."""
    name = f"{database}_ledger_{database_role}"
    if len(name.encode()) > ROLE_CHARS_MAX:
        digest = hashlib.sha256(database.encode()).hexdigest()[:16]
        name = f"db_{digest}_ledger_{database_role}"
    return name


def connect(
    url: str,
    database_role: DatabaseRole | None,
    *,
    statement_seconds: int = STATEMENT_SECONDS,
    connect_seconds: int = CONNECT_SECONDS,
) -> Connection[TupleRow]:
    """Open a connection in autocommit mode and assume a role; None keeps the login's own rights.

    Takes at most `connect_seconds` (2 or more) to connect, and the same time to assume the role.

    Raises:
        psycopg.OperationalError: the server cannot be reached or refuses.
        psycopg.errors.InvalidParameterValue: the roles do not exist; migrate first.
    """
    settings: dict[str, int | str] = {
        "statement_timeout": statement_seconds * 1000,
        "lock_timeout": LOCK_SECONDS * 1000,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS * 1000,
    }
    if database_role not in {None, DatabaseRole.OWNER}:
        settings |= PLANNER
    if database_role is DatabaseRole.PROJECTOR:
        # A crash loses rows together with their position; both are rebuilt from the log.
        settings["synchronous_commit"] = "off"
    url_parameters = conninfo_to_dict(url)
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    options = (
        f"{options} -c timezone=UTC -c client_encoding=UTF8 {url_parameters.get('options') or ''}"
    )
    defaults = KEEPALIVE | {"connect_timeout": connect_seconds}
    keepalive = {name: value for name, value in defaults.items() if name not in url_parameters}
    extra: dict[str, Any] = {"application_name": "qrledger", **keepalive, "options": options}
    connection = psycopg.connect(url, autocommit=True, **extra)
    if database_role is not None:
        role = sql.Identifier(role_name(connection.info.dbname, database_role))
        try:
            with deadline.limit(connection, connect_seconds):
                connection.execute(sql.SQL("set role {}").format(role))
        except BaseException:
            connection.close()
            raise
    return connection


class ConnectionPool:
    """A small pool without threads: last in, first out; a broken connection discards the idle ones.

    A request that finds no idle connection connects by itself. So a request fails at once while the
    server refuses connections, and succeeds as soon as the server accepts them (ADR 19).
    """

    def __init__(
        self,
        url: str,
        database_role: DatabaseRole,
        *,
        size_max: int,
        limit_seconds: float = LINK_SECONDS,
        statement_seconds: int = STATEMENT_SECONDS,
    ) -> None:
        self.url = url
        self.limit_seconds = limit_seconds
        """The limit of one use, including the wait for a connection."""
        self._database_role = database_role
        self._size_max = size_max
        self._statement_seconds = statement_seconds
        self._idle: list[Connection[TupleRow]] = []
        self._in_use = 0
        self._changed = Condition()
        self._closed = False

    @contextmanager
    def connection(self, seconds: float | None = None) -> Iterator[Connection[TupleRow]]:
        """A connection for at most `seconds`, or for the pool's own limit.

        At most 5 s of this time are spent waiting for a free connection. When the time is over, the
        statement in progress fails and the connection is discarded.

        Raises:
            psycopg.OperationalError: no connection is free, the server cannot be reached, or the
                time is over.
        """
        until = monotonic() + (self.limit_seconds if seconds is None else seconds)
        connection = self._take(until)
        try:
            with deadline.limit(connection, until - monotonic()):
                yield connection
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close the idle connections now and the others when they are returned."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self, until: float) -> Connection[TupleRow]:
        with self._changed:
            wait_seconds = min(WAIT_SECONDS, max(0.0, until - monotonic()))
            free = self._changed.wait_for(lambda: self._in_use < self._size_max, wait_seconds)
            if not free:
                msg = "no database connection became free in time"
                raise psycopg.OperationalError(msg)
            if self._closed:
                msg = "the connection pool is closed"
                raise psycopg.OperationalError(msg)
            self._in_use += 1
            if self._idle:
                return self._idle.pop()
        try:
            connect_seconds = max(
                CONNECT_SECONDS_MIN, min(CONNECT_SECONDS, int(until - monotonic()))
            )
            return connect(
                self.url,
                self._database_role,
                statement_seconds=self._statement_seconds,
                connect_seconds=connect_seconds,
            )
        except BaseException:
            with self._changed:
                self._in_use -= 1
                self._changed.notify()
            raise

    def _give_back(self, connection: Connection[TupleRow]) -> None:
        discarded: list[Connection[TupleRow]] = []
        status = connection.info.transaction_status
        with self._changed:
            self._in_use -= 1
            if self._closed or connection.closed or status is not TransactionStatus.IDLE:
                discarded.append(connection)
                if connection.broken:
                    discarded += self._idle
                    self._idle = []
            else:
                self._idle.append(connection)
            self._changed.notify()
        for unused in discarded:
            with suppress(psycopg.Error):
                unused.close()
