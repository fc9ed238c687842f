"""Keeps one read model up to date: follows the log, takes pages in, starts over when it must."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Final

from application.event_log import Recorded
from application.ports.metrics import Metrics
from infrastructure.event_store.follower import Follower
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import deadline
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.workers.supervisor import Progress
from projections._read_model import ReadModel
from projections._runner import Runner

BUILD_SECONDS: Final = 600
APPLY_SECONDS: Final = 60.0
"""How long one page may take before its connection is given up."""
PACE_SECONDS: Final = 0.1
"""A list may lag that much: under load one transaction takes many events in."""


class Projector:
    """One read model's worker.

    A poison event halts it, loudly: rows about money are never guessed. It is tried again alone,
    as a new release or a mended row may help; the other read models go on.
    """

    def __init__(
        self, model: type[ReadModel], *, url: str, log: PostgresLog, metrics: Metrics
    ) -> None:
        self.model = model
        self._url = url
        self._event_log = log
        self._metrics = metrics
        self._stopped = Event()
        self._follower: Follower | None = None

    def stop(self) -> None:
        """Let `follow` end within a second."""
        self._stopped.set()
        if self._follower is not None:
            self._follower.stop()

    def follow(self, on_progress: Progress) -> None:
        """Take the log in, until stopped or until an event cannot be taken in."""
        url, database_role = self._url, DatabaseRole.PROJECTOR
        with connect(url, database_role, statement_seconds=BUILD_SECONDS) as connection:
            runner = Runner(self.model, connection, metrics=self._metrics)
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
