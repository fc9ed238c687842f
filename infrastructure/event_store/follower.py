"""Follows the log by polling; NOTIFY shortens the wait, and a lost connection is replaced.

Positions have no gaps, so a page that does not begin right after the previous one means a corrupt
log and stops the follower.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from application.event_log import Recorded
from infrastructure.event_store import registry, rows
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import deadline
from infrastructure.postgres.connections import LINK_SECONDS, DatabaseRole, connect
from infrastructure.postgres.failures import is_transient

PAGE_EVENTS: Final = 500
POLL_SECONDS: Final = 0.5
RECONNECT_SECONDS: Final = 0.2
UNKNOWN_MAX: Final = 100
"""How many unknown topics are logged, once each."""

_log = logging.getLogger(__name__)


class LogCorrupt(Exception):
    """The log has a gap; no follower may continue."""


class Follower:
    """Endless pages of the log from a position on; an empty page when it has caught up."""

    def __init__(
        self,
        log: PostgresLog,
        url: str,
        database_role: DatabaseRole,
        *,
        after: int,
        pace_seconds: float = 0.0,
        on_unknown: Callable[[str], None] = lambda _topic: None,
    ) -> None:
        """Follow from a position on.

        Args:
            log: reads the pages.
            url: the database to listen on.
            database_role: the role that the connection assumes.
            after: the last position that was processed.
            pace_seconds: the wait after each page, for a caller that may lag a little.
            on_unknown: called with the topic of each event that this program does not know; such
                events are part of the pages, and the caller must not decode them.
        """
        self._event_log = log
        self._url = url
        self._database_role = database_role
        self.position = after
        self._pace_seconds = pace_seconds
        self._on_unknown = on_unknown
        self._unknown: set[str] = set()
        self._stopped = Event()

    def stop(self) -> None:
        """Make `pages` return within half a second."""
        self._stopped.set()

    def pages(self) -> Iterator[Sequence[Recorded]]:
        """Yield pages in order. The caller moves `position` back if it could not process a page.

        Raises:
            LogCorrupt: a position is missing.
            psycopg.Error: any failure that is not transient.
        """
        while not self._stopped.is_set():
            try:
                with connect(self._url, self._database_role) as connection:
                    connection.execute(f"listen {rows.CHANNEL}")
                    yield from self._pages_on(connection)
            except psycopg.Error as error:
                if not is_transient(error):
                    raise
                if not self._stopped.is_set():
                    _log.info("following the log: %s; reconnecting", type(error).__name__)
                self._stopped.wait(RECONNECT_SECONDS)

    def _pages_on(self, connection: Connection[TupleRow]) -> Iterator[Sequence[Recorded]]:
        while not self._stopped.is_set():
            with deadline.limit(connection, LINK_SECONDS):
                page = self._event_log.page(connection, self.position, PAGE_EVENTS)
            if page and page[0].position != self.position + 1:
                msg = f"the log has a gap between positions {self.position} and {page[0].position}"
                raise LogCorrupt(msg)
            if page:
                self.position = page[-1].position
                self._report_unknown(page)
            yield page
            if len(page) == PAGE_EVENTS:
                continue
            if self._pace_seconds:  # larger pages for a caller that may lag
                self._stopped.wait(self._pace_seconds)
            if not page:
                for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass  # the next query covers every notification that has arrived

    def _report_unknown(self, page: Sequence[Recorded]) -> None:
        for recorded in page:
            if recorded.topic not in registry.EVENTS:
                self._on_unknown(recorded.topic)
                if recorded.topic not in self._unknown and len(self._unknown) < UNKNOWN_MAX:
                    self._unknown.add(recorded.topic)
                    _log.warning("skipping events of unknown topic %.80r", recorded.topic)
