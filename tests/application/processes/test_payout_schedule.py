"""Daily payouts: at the merchant's local time, everything available, once a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from application.processes.payout_schedule import PayoutSchedule
from application.reader import Reader
from domain.merchants.payout_terms import PayoutTerms
from domain.money.money import AMOUNT_MINOR_MAX
from domain.payouts.payout import Payout
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.memory_tasks import MemoryTasks
from tests.support.payout_steps import LogCredits, earn, request_payout, set_terms
from tests.support.task_fixture import STEPS, Worker

DAILY = PayoutTerms("bank account 1", "06:00", "America/Sao_Paulo")
"""09:00 UTC all year."""


class Schedule:
    """A ledger in memory and the worker of the schedule."""

    def __init__(self, start: datetime) -> None:
        self.log = MemoryLog()
        self.log.clock = start
        self.ledger = LedgerFixture(self.log)
        self.credits = LogCredits(self.log)
        self.store = MemoryTasks(self.log.server_now)
        process = PayoutSchedule(self.credits, Reader(self.log))
        self.worker = Worker(process, self.store, self.log, elapsed=self.elapsed)

    def elapsed(self) -> float:
        return self.log.clock.timestamp()

    def until(self, at: datetime, *, kill_at: str = "") -> None:
        """Let the worker work every quarter of an hour; each full hour it is killed at the step."""
        while self.log.clock < at:
            self.worker.follow()
            self.worker.perform(kill_at if self.log.clock.minute == 0 else "")
            self.log.clock = min(at, self.log.clock + timedelta(minutes=15))

    @property
    def payouts(self) -> list[tuple[str, int]]:
        """Hour and amount of every payout, in UTC."""
        return [
            (f"{recorded.recorded_at:%d %H:%M}", recorded.event.amount_minor)  # type: ignore[attr-defined]
            for recorded in self.log.events
            if recorded.topic == Payout.Requested.TOPIC
        ]


def utc(day: int, hour: int = 0, minute: int = 0, *, month: int = 5) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "minute"), [("", "00"), *zip(STEPS, ("15", "15", "00", "00"), strict=True)]
)
def test_each_day_at_the_local_time_everything_available_is_requested_once(
    step: str, minute: str
) -> None:
    made = Schedule(utc(1))
    set_terms(made.ledger, DAILY)
    earn(made.ledger, 700)
    request_payout(made.ledger, 100)

    made.until(utc(2, 12), kill_at=step)
    earn(made.ledger, 55)
    made.until(utc(4, 12), kill_at=step)

    assert made.payouts == [
        ("01 00:00", 100), (f"01 09:{minute}", 600), (f"03 09:{minute}", 55)
    ]  # fmt: skip
    [row] = made.store.rows.values()
    assert row.due_at == utc(5, 9)


def test_what_was_not_counted_in_time_is_paid_out_the_next_day() -> None:
    made = Schedule(utc(1))
    set_terms(made.ledger, DAILY)
    earn(made.ledger, 700)
    made.credits.position = made.log.head()
    earn(made.ledger, 300)

    made.until(utc(1, 12))
    made.credits.position = None
    made.until(utc(2, 12))

    assert made.payouts == [("01 09:00", 700), ("02 09:00", 300)]


def test_changed_terms_end_the_old_schedule() -> None:
    made = Schedule(utc(1))
    set_terms(made.ledger, DAILY)
    earn(made.ledger, 700)
    made.until(utc(1, 8))

    set_terms(made.ledger, PayoutTerms("bank account 1", "12:00", "America/Sao_Paulo"))
    made.until(utc(1, 16))
    earn(made.ledger, 5)
    made.until(utc(2, 16))

    assert made.payouts == [("01 15:00", 700), ("02 15:00", 5)]
    assert len(made.store.rows) == 1


def test_removed_terms_end_the_schedule() -> None:
    made = Schedule(utc(1))
    set_terms(made.ledger, DAILY)
    earn(made.ledger, 700)
    made.until(utc(1, 8))

    set_terms(made.ledger, PayoutTerms("bank account 1"))
    made.until(utc(3))

    assert made.payouts == []
    assert made.store.rows == {}


def test_terms_that_are_removed_while_their_task_is_under_a_lease_end_the_schedule() -> None:
    made = Schedule(utc(1))
    set_terms(made.ledger, DAILY)
    earn(made.ledger, 700)
    made.until(utc(1, 9))
    made.worker.perform("claimed")

    set_terms(made.ledger, PayoutTerms("bank account 1"))
    made.until(utc(3))

    assert made.payouts == []
    assert made.store.rows == {}


def test_terms_that_are_changed_and_changed_back_have_one_schedule() -> None:
    made = Schedule(utc(1))
    for _ in range(3):
        set_terms(made.ledger, DAILY)
        set_terms(made.ledger, PayoutTerms("bank account 2"))
    set_terms(made.ledger, DAILY)
    earn(made.ledger, 700)

    made.until(utc(3))

    assert made.payouts == [("01 09:00", 700)]
    assert len(made.store.rows) == 1


def test_a_new_destination_alone_keeps_the_schedule_and_counts_from_the_next_payout() -> None:
    made = Schedule(utc(1))
    set_terms(made.ledger, DAILY)
    earn(made.ledger, 700)
    made.until(utc(1, 8))

    set_terms(made.ledger, PayoutTerms("bank account 2", DAILY.daily_at, DAILY.zone))
    made.until(utc(2))

    assert made.payouts == [("01 09:00", 700)]
    [event] = [one.event for one in made.log.events if one.topic == Payout.Requested.TOPIC]
    assert event.destination == "bank account 2"  # type: ignore[attr-defined]


def test_each_currency_has_its_own_schedule() -> None:
    made = Schedule(utc(1))
    set_terms(made.ledger, DAILY)
    set_terms(made.ledger, PayoutTerms("bank account 2", "10:00", "UTC"), "EUR")
    earn(made.ledger, 700)
    earn(made.ledger, 300, "EUR")

    made.until(utc(2))

    assert made.payouts == [("01 09:00", 700), ("01 10:00", 300)]


def test_a_worker_that_was_away_for_days_pays_out_once() -> None:
    made = Schedule(utc(1))
    set_terms(made.ledger, DAILY)
    made.until(utc(1, 1))
    earn(made.ledger, 700)

    made.log.clock = utc(5, 1)
    made.until(utc(5, 12))

    assert made.payouts == [("05 01:00", 700)]
    [row] = made.store.rows.values()
    assert row.due_at == utc(6, 9)


def test_a_payout_has_at_most_twelve_digits_and_the_rest_follows() -> None:
    made = Schedule(utc(1))
    set_terms(made.ledger, DAILY)
    for _ in range(2):
        earn(made.ledger, AMOUNT_MINOR_MAX)

    made.until(utc(2, 12))

    assert made.payouts == [("01 09:00", AMOUNT_MINOR_MAX), ("02 09:00", AMOUNT_MINOR_MAX)]


@pytest.mark.parametrize(
    ("month", "day", "expected"),
    [
        (3, 28, ["28 01:30", "29 01:30", "30 00:30"]),  # 29 March: 02:30 does not exist
        (10, 24, ["24 00:30", "25 00:30", "26 01:30"]),  # 25 October: 02:30 occurs twice
    ],
)
def test_a_local_time_that_does_not_exist_or_occurs_twice_is_one_payout(
    month: int, day: int, expected: list[str]
) -> None:
    made = Schedule(utc(day, month=month) - timedelta(hours=1))
    set_terms(made.ledger, PayoutTerms("bank account 1", "02:30", "Europe/Berlin"))

    for number in range(3):
        earn(made.ledger, 10 + number)
        made.until(utc(day + number, 22, month=month))

    assert [when for when, _ in made.payouts] == expected
    assert [minor for _, minor in made.payouts] == [10, 11, 12]
