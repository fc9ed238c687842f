"""Connections to PostgreSQL: few rights, bounded waits, and a dead link noticed in time."""

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
"""libpq knows no shorter limit."""
WAIT_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 30
LINK_SECONDS: Final = STATEMENT_SECONDS + 5.0
"""How long a lent connection may be silent, where nobody says less: longer than the server lets a
statement run, so that it ends only what has no server behind it."""
LOCK_SECONDS: Final = 5
IDLE_IN_TRANSACTION_SECONDS: Final = 5
ROLE_CHARS_MAX: Final = 63

KEEPALIVE: Final[dict[str, int]] = {
    # A link that swallows everything is noticed after 5 + 2 x 2 = 9 s when idle, 8 s when not.
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8000,
}


PLANNER: Final[dict[str, int | str]] = {
    # The log is read by key only. A plan made while it was small must not scan it when it is large.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # For few keys PostgreSQL would plan anew each time, which takes longer than asking.
    "plan_cache_mode": "force_generic_plan",
}


class DatabaseRole(StrEnum):
    """What a connection may do; each is a role of the database, taken with SET ROLE."""

    OWNER = "owner"
    WRITER = "writer"
    PROJECTOR = "projector"
    READER = "reader"


def role_name(database: str, database_role: DatabaseRole) -> str:
    """The role of a right in one database; roles are cluster-wide, so its name leads."""
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
    """Open a connection in autocommit and take its role; None keeps the login's own rights.

    Takes at most `connect_seconds` (2 or more) to reach the server, and as long for the role.

    Raises:
        psycopg.OperationalError: the server cannot be reached or refuses.
        psycopg.errors.InvalidParameterValue: the roles are not there; migrate first.
    """
    settings: dict[str, int | str] = {
        "statement_timeout": statement_seconds * 1000,
        "lock_timeout": LOCK_SECONDS * 1000,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS * 1000,
    }
    if database_role in {DatabaseRole.WRITER, DatabaseRole.READER}:
        settings |= PLANNER
    if (
        database_role is DatabaseRole.PROJECTOR
    ):  # rows and position are lost together, and read again from the log
        settings["synchronous_commit"] = "off"
    given = conninfo_to_dict(url)
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    options = f"{options} -c timezone=UTC -c client_encoding=UTF8 {given.get('options') or ''}"
    wanted = KEEPALIVE | {"connect_timeout": connect_seconds}
    keepalive = {name: value for name, value in wanted.items() if name not in given}
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
    """A small pool without threads: the last one used comes first, a broken one empties it.

    A pool of the library reconnects in the background with growing pauses; this one tries at once
    whenever somebody asks, so the process is back as soon as the server is.
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
        """How long one lending may take, the wait for a connection included."""
        self._database_role = database_role
        self._size_max = size_max
        self._statement_seconds = statement_seconds
        self._idle: list[Connection[TupleRow]] = []
        self._lent = 0
        self._changed = Condition()
        self._closed = False

    @contextmanager
    def connection(self, seconds: float | None = None) -> Iterator[Connection[TupleRow]]:
        """Lend a connection for at most `seconds`, or for the pool's own limit.

        Waits at most 5 s of them for one to come back. Who holds it when the time is over gets an
        error from whatever it waits for, and the connection is thrown away.

        Raises:
            psycopg.OperationalError: none came back, the server cannot be reached, or the time is
                over.
        """
        until = monotonic() + (self.limit_seconds if seconds is None else seconds)
        connection = self._take(until)
        try:
            with deadline.limit(connection, until - monotonic()):
                yield connection
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self, until: float) -> Connection[TupleRow]:
        with self._changed:
            patience = min(WAIT_SECONDS, max(0.0, until - monotonic()))
            free = self._changed.wait_for(lambda: self._lent < self._size_max, patience)
            if not free:
                msg = "no database connection came free in time"
                raise psycopg.OperationalError(msg)
            if self._closed:
                msg = "the connections are closed"
                raise psycopg.OperationalError(msg)
            self._lent += 1
            if self._idle:
                return self._idle.pop()
        try:
            left = max(CONNECT_SECONDS_MIN, min(CONNECT_SECONDS, int(until - monotonic())))
            return connect(
                self.url,
                self._database_role,
                statement_seconds=self._statement_seconds,
                connect_seconds=left,
            )
        except BaseException:
            with self._changed:
                self._lent -= 1
                self._changed.notify()
            raise

    def _give_back(self, connection: Connection[TupleRow]) -> None:
        dead: list[Connection[TupleRow]] = []
        status = connection.info.transaction_status
        with self._changed:
            self._lent -= 1
            if self._closed or connection.closed or status is not TransactionStatus.IDLE:
                dead.append(connection)
                if connection.broken:
                    dead += self._idle
                    self._idle = []
            else:
                self._idle.append(connection)
            self._changed.notify()
        for one in dead:
            with suppress(psycopg.Error):
                one.close()
