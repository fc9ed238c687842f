"""Waits for NOTIFY on one connection; a lost connection is replaced.

A notification is a hint that there are new events. Whoever waits reads the log in any case.
"""

from __future__ import annotations

import logging
import time
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from infrastructure.event_store import rows
from infrastructure.postgres import deadline
from infrastructure.postgres.connections import LINK_SECONDS, DatabaseRole, connect
from infrastructure.postgres.failures import is_transient

RECONNECT_SECONDS: Final = 0.2

_log = logging.getLogger(__name__)


class Notifications:
    """Listens to the channel of the log. For one thread at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection[TupleRow] | None = None

    def wait(self, seconds: float) -> bool:
        """Wait for a notification, at most so long; returns whether there may be new events.

        That is also so after every new connection, as notifications before it are lost.

        Raises:
            psycopg.Error: any failure that is not transient.
        """
        try:
            if self._connection is None:
                self._connection = self._listen()
                return True
            return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
        except psycopg.Error as error:
            self.close()
            if not is_transient(error):
                raise
            _log.info("listening to the log: %s; reconnecting", type(error).__name__)
            time.sleep(min(seconds, RECONNECT_SECONDS))
            return False

    def close(self) -> None:
        """Close the connection; the next wait opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _listen(self) -> Connection[TupleRow]:
        connection = connect(self._url, DatabaseRole.READER)
        try:
            with deadline.limit(connection, LINK_SECONDS):
                connection.execute(f"listen {rows.CHANNEL}")
        except BaseException:
            connection.close()
            raise
        return connection
