"""Loops: restarted after transient failures; halted, reported and restarted after any other."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg import errors

from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.workers import leadership
from infrastructure.workers.loops import LoopReport, loop_states
from infrastructure.workers.supervisor import RESTART_SECONDS, Progress, Supervisor
from tests.faults.test_database_away import wait_for
from tests.support.postgres import read_only, rows


class RecordedWaits(Event):
    """Records the waits without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    supervisor.stop()


def test_a_transient_failure_restarts_a_loop_without_a_halt(supervisor: Supervisor) -> None:
    supervisor._stopped = waits = RecordedWaits()
    outcomes: Iterator[Exception | None] = iter(
        [errors.ReadOnlySqlTransaction(), errors.DiskFull(), errors.SerializationFailure(), None]
    )
    halted: list[list[str]] = []
    done = Event()

    def loop(_on_progress: Progress) -> None:
        halted.append(supervisor.halted)
        if error := next(outcomes):
            raise error
        done.set()

    supervisor.start("sweep", loop)

    assert done.wait(10)
    assert halted == [[]] * 4
    assert set(waits.waits) == {RESTART_SECONDS}


def test_any_other_error_halts_a_loop_which_restarts_with_growing_pauses(
    supervisor: Supervisor,
) -> None:
    supervisor._stopped = waits = RecordedWaits()
    tries, done = iter(range(9)), Event()

    def loop(on_progress: Progress) -> None:
        if (number := next(tries)) < 8:
            raise ValueError
        assert supervisor.halted == ["sessions"]
        on_progress()
        assert number == 8
        done.set()

    supervisor.start("sessions", loop)

    assert done.wait(10)
    assert supervisor.halted == []
    assert waits.waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_progress_resets_the_pause(supervisor: Supervisor) -> None:
    supervisor._stopped = waits = RecordedWaits()
    tries, done = iter(range(4)), Event()

    def loop(on_progress: Progress) -> None:
        number = next(tries)
        if number == 3:
            done.set()
            return
        if number == 2:
            on_progress()
        raise ValueError

    supervisor.start("sessions", loop)

    assert done.wait(10)
    assert waits.waits == [5, 10, 5]


def test_other_loops_continue_beside_a_halted_one(supervisor: Supervisor) -> None:
    steps = 0
    stop = Event()

    def broken(_on_progress: Progress) -> None:
        raise KeyError("secret")

    def good(on_progress: Progress) -> None:
        nonlocal steps
        while not stop.wait(0.001):
            steps += 1
            on_progress()

    supervisor.start("broken", broken)
    supervisor.start("good", good)
    wait_for(lambda: supervisor.halted)
    seen = steps
    wait_for(lambda: steps > seen + 3)
    stop.set()

    assert {name: halt and halt.reason for name, halt in supervisor.loops.items()} == {
        "broken": "KeyError",
        "good": None,
    }


@pytest.mark.postgres
def test_a_halt_and_its_end_are_reported_in_the_database(
    database_url: str, supervisor: Supervisor
) -> None:
    repaired = Event()

    def loop(on_progress: Progress) -> None:
        if not repaired.is_set():
            raise ValueError
        on_progress()

    supervisor._stopped = RecordedWaits()
    report = LoopReport(lambda: supervisor.loops)
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        report(connection)
        supervisor.start("sessions", loop)
        wait_for(lambda: supervisor.halted)
        report(connection)
        [halted] = loop_states(connection)
        repaired.set()
        wait_for(lambda: not supervisor.halted)
        report(connection)
        [running] = loop_states(connection)

    assert (halted.name, halted.reason) == ("sessions", "ValueError")
    assert halted.halted_since is not None
    assert (running.halted_since, running.reason) == (None, None)


@pytest.mark.postgres
def test_a_report_refused_by_a_read_only_database_does_not_end_leadership(
    database_url: str, supervisor: Supervisor
) -> None:
    supervisor.start("sessions", lambda on_progress: on_progress())
    report: Any = LoopReport(lambda: supervisor.loops)
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        with read_only(database_url):
            wait_for(lambda: _refused(database_url))
            leadership._report(report, connection)
        wait_for(lambda: not _refused(database_url))
        leadership._report(report, connection)

        assert [loop.name for loop in loop_states(connection)] == ["sessions"]


def _refused(url: str) -> bool:
    try:
        rows(url, "create temp table t (a int)", fetch=False)
        rows(url, "delete from ledger.tasks", fetch=False)
    except psycopg.errors.ReadOnlySqlTransaction:
        return True
    return False
