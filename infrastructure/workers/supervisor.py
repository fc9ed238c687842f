"""Threads that are started again when they fail, and the election of one leader.

What the world does (`infrastructure.postgres.failures`) restarts a loop at once and is no news. A
mistake of ours halts it: it is told to whoever watches, and tried again alone, with growing pauses,
while the other loops go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from infrastructure.postgres import deadline
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.postgres.failures import is_transient

RESTART_SECONDS: Final = 0.5
HALT_SECONDS_MIN: Final = 5.0
HALT_SECONDS_MAX: Final = 300.0
ELECTION_SECONDS: Final = 1.0
LEADER_SECONDS: Final = 10.0
"""How long the leader's connection may be silent before leadership is sought anew."""
STOP_SECONDS: Final = 10.0
LEADER_KEY: Final = 0x7172_6C5F_776F_726B  # "qrl_work"

_log = logging.getLogger(__name__)

Progress = Callable[[], None]
"""Called by a loop after each step that went well."""
Loop = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a loop does not run."""

    reason: str
    """The error's class: its text may hold what nobody should read."""
    since: datetime
    """By this process's clock: for people, it decides nothing."""


class Supervisor:
    """Runs loops in threads."""

    def __init__(self) -> None:
        self._stopped = Event()
        self._threads: list[Thread] = []
        self._lock = Lock()
        self._halts: dict[str, Halt | None] = {}

    @property
    def loops(self) -> Mapping[str, Halt | None]:
        """Every loop by name; why it is halted, or None while it goes well."""
        with self._lock:
            return dict(self._halts)

    @property
    def halted(self) -> list[str]:
        """Loops that a mistake keeps from going on; somebody has to look."""
        return [name for name, halt in self.loops.items() if halt is not None]

    def keep(self, name: str, loop: Loop) -> None:
        """Run a loop until the supervisor stops."""
        with self._lock:
            self._halts[name] = None
        thread = Thread(target=self._run, args=(name, loop), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Wait for every loop to end, at most 10 s; the loops must have been told."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def _run(self, name: str, loop: Loop) -> None:
        pause = HALT_SECONDS_MIN

        def on_progress() -> None:
            nonlocal pause
            pause = HALT_SECONDS_MIN
            self._recovered(name)

        while not self._stopped.is_set():
            try:
                loop(on_progress)
            except Exception as error:  # noqa: BLE001 - sorted below; it ends this loop only
                if is_transient(error):
                    if not self._stopped.is_set():
                        _log.warning("%s: %s; trying again", name, type(error).__name__)
                    self._stopped.wait(RESTART_SECONDS)
                    continue
                _log.exception("%s halted; trying again in %d s", name, pause)
                self._halt(name, error)
                self._stopped.wait(pause)
                pause = min(2 * pause, HALT_SECONDS_MAX)
            else:
                return

    def _halt(self, name: str, error: Exception) -> None:
        with self._lock:
            before = self._halts[name]
            since = before.since if before else datetime.now(UTC)
            self._halts[name] = Halt(type(error).__name__, since)

    def _recovered(self, name: str) -> None:
        if self._halts[name] is not None:
            _log.warning("%s goes on", name)
            with self._lock:
                self._halts[name] = None


Report = Callable[[Connection[TupleRow]], None]
"""Called about once a second, on the leader's own connection."""


def lead(
    url: str,
    stopped: Event,
    work: Callable[[], tuple[Sequence[Callable[[], None]], Report]],
) -> None:
    """Work while this process is the leader; stand by while another is.

    Leadership is an advisory lock on a connection of its own. If that connection is lost the work
    is stopped and leadership sought again; what guards the rows is their tracking row.

    Args:
        url: the database.
        stopped: ends it all.
        work: starts the work; answers with the functions that stop it, and with what tells the
            database how it goes.
    """
    while not stopped.is_set():
        try:
            with connect(url, DatabaseRole.PROJECTOR) as connection:
                query = "select pg_try_advisory_lock(%s)"
                while _ask(connection, query, LEADER_KEY) is not True:
                    if stopped.wait(ELECTION_SECONDS):
                        return
                _log.info("leading")
                stops, report = work()
                try:
                    while not stopped.wait(ELECTION_SECONDS):
                        _ask(connection, "select 1")
                        _tell(report, connection)
                finally:
                    for stop in stops:
                        stop()
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            if not stopped.is_set():
                _log.warning("leadership: %s; trying again", type(error).__name__)
            stopped.wait(RESTART_SECONDS)


def _ask(connection: Connection[TupleRow], query: str, *parameters: object) -> object:
    with deadline.limit(connection, LEADER_SECONDS):
        row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None


def _tell(report: Report, connection: Connection[TupleRow]) -> None:
    """A database that takes no rows now (read-only, full) is told later; the work goes on."""
    try:
        with deadline.limit(connection, LEADER_SECONDS):
            report(connection)
    except psycopg.Error as error:
        if not is_transient(error) or connection.closed:
            raise
