"""Keeps one read model up to date: builds it if necessary, then applies the log page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event
from typing import Final, Protocol

from psycopg import Connection
from psycopg.rows import TupleRow

from application.event_log import Recorded
from infrastructure.event_store.follower import Follower
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import deadline
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.workers.supervisor import Progress

BUILD_SECONDS: Final = 600
APPLY_SECONDS: Final = 60.0
"""How long one page may take before its connection is closed."""
PACE_SECONDS: Final = 0.1
"""The lag accepted so that, under load, one transaction applies many events."""

ReadPage = Callable[[int, int], Sequence[Recorded]]
"""Events after a position, at most so many."""


class Runner(Protocol):
    """Applies events to one read model, on one connection."""

    def prepare(self, read: ReadPage) -> int:
        """Build the read model if it is missing or outdated; returns its position."""

    def apply_page(self, page: Sequence[Recorded]) -> int:
        """Apply a page in one transaction; returns the read model's position afterwards."""


MakeRunner = Callable[[Connection[TupleRow]], Runner]


class Projector:
    """Follows the log for one read model.

    An event that cannot be applied halts the loop of this read model only: rows about money are
    never guessed. The supervisor restarts it, as a new release or a repaired row may help.
    """

    def __init__(self, make_runner: MakeRunner, *, url: str, log: PostgresLog) -> None:
        self._make_runner = make_runner
        self._url = url
        self._event_log = log
        self._stopped = Event()
        self._follower: Follower | None = None

    def stop(self) -> None:
        """Make `follow` return within a second."""
        self._stopped.set()
        if self._follower is not None:
            self._follower.stop()

    def follow(self, on_progress: Progress) -> None:
        """Apply the log until stopped or until an event cannot be applied."""
        url, database_role = self._url, DatabaseRole.PROJECTOR
        with connect(url, database_role, statement_seconds=BUILD_SECONDS) as connection:
            runner = self._make_runner(connection)
            with deadline.limit(connection, BUILD_SECONDS) as renew:

                def read(after: int, limit: int) -> Sequence[Recorded]:
                    renew()
                    return self._event_log.read(after, limit)

                position = runner.prepare(read)
            self._follower = Follower(
                self._event_log, url, database_role, after=position, pace_seconds=PACE_SECONDS
            )
            for page in self._follower.pages():
                if self._stopped.is_set():
                    return
                if page:
                    with deadline.limit(connection, APPLY_SECONDS):
                        self._follower.position = runner.apply_page(page)
                on_progress()
