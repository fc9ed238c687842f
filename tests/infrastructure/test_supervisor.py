"""Loops: the world restarts them, a mistake halts one, tells it, and tries it again alone."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg import errors

from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.workers import leadership, supervisor
from infrastructure.workers.loops import LoopReport, loop_states
from infrastructure.workers.supervisor import Progress, Supervisor
from tests.faults.test_database_away import wait_for
from tests.support.postgres import read_only, rows


class Unhurried(Event):
    """Remembers how long it was to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def kept() -> Iterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    supervisor.stop()


def test_a_read_only_database_restarts_a_loop_and_is_no_halt(kept: Supervisor) -> None:
    kept._stopped = waits = Unhurried()
    outcomes: Iterator[Exception | None] = iter(
        [errors.ReadOnlySqlTransaction(), errors.DiskFull(), errors.SerializationFailure(), None]
    )
    halted: list[list[str]] = []
    done = Event()

    def loop(_went_well: Progress) -> None:
        halted.append(kept.halted)
        if error := next(outcomes):
            raise error
        done.set()

    kept.start("sweep", loop)

    assert done.wait(10)
    assert halted == [[]] * 4
    assert set(waits.waits) == {supervisor.RESTART_SECONDS}


def test_a_mistake_halts_a_loop_which_is_tried_again_with_growing_pauses(kept: Supervisor) -> None:
    kept._stopped = waits = Unhurried()
    tries, done = iter(range(9)), Event()

    def loop(on_progress: Progress) -> None:
        if (number := next(tries)) < 8:
            raise ValueError
        assert kept.halted == ["sessions"]
        on_progress()
        assert number == 8
        done.set()

    kept.start("sessions", loop)

    assert done.wait(10)
    assert kept.halted == []
    assert waits.waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_loop_that_went_well_between_is_tried_again_soon(kept: Supervisor) -> None:
    kept._stopped = waits = Unhurried()
    tries, done = iter(range(4)), Event()

    def loop(on_progress: Progress) -> None:
        number = next(tries)
        if number == 3:
            done.set()
            return
        if number == 2:
            on_progress()
        raise ValueError

    kept.start("sessions", loop)

    assert done.wait(10)
    assert waits.waits == [5, 10, 5]


def test_a_halted_loop_keeps_no_other_from_going_on(kept: Supervisor) -> None:
    steps = 0
    stop = Event()

    def broken(_went_well: Progress) -> None:
        raise KeyError("secret")

    def good(on_progress: Progress) -> None:
        nonlocal steps
        while not stop.wait(0.001):
            steps += 1
            on_progress()

    kept.start("broken", broken)
    kept.start("good", good)
    wait_for(lambda: kept.halted)
    seen = steps
    wait_for(lambda: steps > seen + 3)
    stop.set()

    assert {name: halt and halt.reason for name, halt in kept.loops.items()} == {
        "broken": "KeyError",
        "good": None,
    }


@pytest.mark.postgres
def test_what_halted_is_told_through_the_database_and_taken_back(
    database_url: str, kept: Supervisor
) -> None:
    mended = Event()

    def loop(on_progress: Progress) -> None:
        if not mended.is_set():
            raise ValueError
        on_progress()

    kept._stopped = Unhurried()
    report = LoopReport(lambda: kept.loops)
    with connect(database_url, DatabaseRole.PROJECTOR) as connection:
        report(connection)
        kept.start("sessions", loop)
        wait_for(lambda: kept.halted)
        report(connection)
        [halted] = loop_states(connection)
        mended.set()
        wait_for(lambda: not kept.halted)
        report(connection)
        [going] = loop_states(connection)

    assert (halted.name, halted.reason) == ("sessions", "ValueError")
    assert halted.halted_since is not None
    assert (going.halted_since, going.reason) == (None, None)


@pytest.mark.postgres
def test_a_report_that_a_read_only_database_refuses_ends_no_leadership(
    database_url: str, kept: Supervisor
) -> None:
    kept.start("sessions", lambda on_progress: on_progress())
    report: Any = LoopReport(lambda: kept.loops)
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
        rows(url, "delete from ledger.due", fetch=False)
    except psycopg.errors.ReadOnlySqlTransaction:
        return True
    return False
