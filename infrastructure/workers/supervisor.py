"""Threads that are started again when the world fails them, and the election of one leader."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Final

import psycopg

from application.errors import LogUnavailable
from infrastructure.postgres.connections import Right, connect

RESTART_SECONDS: Final = 0.5
ELECTION_SECONDS: Final = 1.0
STOP_SECONDS: Final = 10.0
LEADER_KEY: Final = 0x7172_6C5F_776F_726B  # "qrl_work"

_log = logging.getLogger(__name__)
_WORLD = (psycopg.OperationalError, psycopg.InterfaceError, LogUnavailable)


class Supervisor:
    """Runs loops in threads. A lost database restarts a loop; a mistake halts it, loudly."""

    def __init__(self) -> None:
        self._stopped = Event()
        self._threads: list[Thread] = []
        self.halted: list[str] = []
        """Loops that a mistake has ended; somebody has to look."""

    def keep(self, name: str, loop: Callable[[], None]) -> None:
        """Run a loop until the supervisor stops."""
        thread = Thread(target=self._run, args=(name, loop), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Wait for every loop to end, at most 10 s; the loops must have been told."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def _run(self, name: str, loop: Callable[[], None]) -> None:
        while not self._stopped.is_set():
            try:
                loop()
            except _WORLD as error:
                if not self._stopped.is_set():
                    _log.warning("%s: %s; trying again", name, type(error).__name__)
                self._stopped.wait(RESTART_SECONDS)
            except Exception:  # noqa: BLE001 - a mistake halts this loop only
                _log.exception("%s halted", name)
                self.halted.append(name)
                return
            else:
                return


def lead(url: str, stopped: Event, work: Callable[[], Sequence[Callable[[], None]]]) -> None:
    """Work while this process is the leader; stand by while another is.

    Leadership is an advisory lock on a connection of its own. If that connection is lost the work
    is stopped and leadership sought again; what guards the rows is their tracking row.

    Args:
        url: the database.
        stopped: ends it all.
        work: starts the work; answers with the functions that stop it.
    """
    while not stopped.is_set():
        try:
            with connect(url, Right.PROJECTOR) as connection:
                query = "select pg_try_advisory_lock(%s)"
                while connection.execute(query, (LEADER_KEY,)).fetchone() != (True,):
                    if stopped.wait(ELECTION_SECONDS):
                        return
                _log.info("leading")
                stops = work()
                try:
                    while not stopped.wait(ELECTION_SECONDS):
                        connection.execute("select 1")
                finally:
                    for stop in stops:
                        stop()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if not stopped.is_set():
                _log.warning("leadership: %s; trying again", type(error).__name__)
            stopped.wait(RESTART_SECONDS)
