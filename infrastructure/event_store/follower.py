"""Following the log: polling is the truth, NOTIFY a hint; a lost connection is made anew.

Positions are gapless, so a page that does not begin right after the last one is corruption and
stops the follower loudly.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from threading import Event
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from application.event_log import Recorded
from infrastructure.event_store import rows
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import Right, connect

PAGE_EVENTS: Final = 500
POLL_SECONDS: Final = 0.5
RECONNECT_SECONDS: Final = 0.2

_log = logging.getLogger(__name__)


class LogCorrupt(Exception):
    """The log has a gap: nobody should go on."""


class Follower:
    """Pages of the log from a position on, for ever; an empty page whenever it is caught up."""

    def __init__(
        self,
        log: PostgresLog,
        url: str,
        right: Right,
        *,
        after: int,
        pace_seconds: float = 0.0,
    ) -> None:
        self._event_log = log
        self._url = url
        self._right = right
        self.position = after
        self._pace_seconds = pace_seconds
        self._stopped = Event()

    def stop(self) -> None:
        """Let `pages` end within half a second."""
        self._stopped.set()

    def pages(self) -> Iterator[Sequence[Recorded]]:
        """Yield pages in order. The caller moves `position` back if it could not take one in.

        Raises:
            LogCorrupt: a position is missing.
        """
        while not self._stopped.is_set():
            try:
                with connect(self._url, self._right) as connection:
                    connection.execute(f"listen {rows.CHANNEL}")
                    yield from self._pages_on(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                if not self._stopped.is_set():
                    _log.info("following the log: %s; connecting again", type(error).__name__)
                self._stopped.wait(RECONNECT_SECONDS)

    def _pages_on(self, connection: Connection[TupleRow]) -> Iterator[Sequence[Recorded]]:
        while not self._stopped.is_set():
            page = self._event_log.page(connection, self.position, PAGE_EVENTS)
            if page and page[0].position != self.position + 1:
                msg = f"the log goes from position {self.position} to {page[0].position}"
                raise LogCorrupt(msg)
            if page:
                self.position = page[-1].position
            yield page
            if len(page) == PAGE_EVENTS:
                continue
            if self._pace_seconds:  # who may lag a little takes more at once
                self._stopped.wait(self._pace_seconds)
            if not page:
                for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass  # all that have come: one look answers them all
