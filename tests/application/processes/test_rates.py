"""The rates process: one fetch an hour, whatever happens in between."""

from __future__ import annotations

from datetime import date

import pytest

from application.ports.rates import DailyRates, RatesNotFetched
from application.processes.rates import RateRefresh
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.memory_rates import MemoryRates, ScriptedProvider
from tests.support.memory_tasks import MemoryTasks
from tests.support.task_fixture import STEPS, Worker

TODAY = DailyRates(source="ecb", as_of=date(2026, 1, 1), per_euro={"USD": "1.1172"})


class Refreshing:
    """A ledger with a merchant, and the worker of the process."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        LedgerFixture(self.log)
        self.store, self.provider = MemoryRates(self.log.server_now), ScriptedProvider()
        self.provider.answer = [TODAY]
        process = RateRefresh(rate_provider=self.provider, rate_store=self.store)
        self.worker = Worker(
            process,
            MemoryTasks(self.log.server_now),
            self.log,
            elapsed=lambda: self.log.server_now().timestamp(),
        )
        self.worker.follow()


def test_rates_are_fetched_at_once_and_then_every_hour() -> None:
    scenario = Refreshing()

    assert scenario.worker.perform() == 1
    assert scenario.store.load() == [TODAY]
    scenario.log.advance(3599)
    assert scenario.worker.perform() == 0
    scenario.log.advance(1)
    assert scenario.worker.perform() == 1

    assert scenario.provider.calls == 2


def test_a_further_merchant_starts_no_second_round() -> None:
    scenario = Refreshing()
    scenario.worker.perform()
    LedgerFixture(scenario.log)
    scenario.worker.follow()

    assert scenario.worker.perform() == 0
    scenario.log.advance(3600)
    assert scenario.worker.perform() == 1
    assert scenario.worker.perform() == 0


def test_a_month_without_a_worker_is_not_made_up_for() -> None:
    scenario = Refreshing()
    scenario.worker.perform()
    scenario.log.advance(30 * 86_400)

    assert scenario.worker.perform() == 1
    assert scenario.worker.perform() == 0
    assert scenario.provider.calls == 2


@pytest.mark.parametrize("step", STEPS)
def test_the_round_goes_on_wherever_the_worker_dies(step: str) -> None:
    scenario = Refreshing()

    scenario.worker.perform(kill_at=step)
    scenario.log.advance(3600)
    scenario.worker.perform()

    assert scenario.store.load() == [TODAY]
    scenario.log.advance(3600)
    assert scenario.worker.perform() == 1


def test_a_source_that_does_not_answer_is_asked_again_and_keeps_the_rates() -> None:
    scenario = Refreshing()
    scenario.worker.perform()
    scenario.provider.answer = RatesNotFetched("the ECB answered 503")

    for _ in range(200):
        scenario.log.advance(3600)
        scenario.worker.perform()
    scenario.provider.answer = [
        DailyRates(source="ecb", as_of=date(2026, 1, 2), per_euro={"USD": "1.12"})
    ]
    scenario.log.advance(3600)
    scenario.worker.perform()

    assert [day.as_of.day for day in scenario.store.load()] == [2, 1]
