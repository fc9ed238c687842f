"""Payouts by the processes: funded when there is money, sent once, settled or returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from application.commands.move_treasury import MoveTreasury
from application.commands.return_payout import ReturnPayout
from application.event_log import fold, history
from application.ports.bank import BANK_SECONDS_MAX
from application.processes.payout_funding import PayoutFunding
from application.processes.payouts import WATCHED, PayoutTransfers
from application.processes.process import Process
from domain import ids
from domain.merchants.payout_terms import PayoutTerms
from domain.money.money import Money
from domain.payouts.debits import Credits, MerchantDebits
from domain.payouts.payout import Payout
from domain.treasury.treasury import MoveKind, Treasury
from infrastructure.bank.sandbox import SandboxBank
from tests.support.fake_bank import PENDING, REFUSED, RETURNED, SETTLED, FakeBank
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.memory_tasks import MemoryTasks
from tests.support.payout_steps import DESTINATION, LogCredits, earn, request_payout, set_terms
from tests.support.task_fixture import STEPS, Worker

Topics = list[str]
PAID_OUT = ["payout.requested", "payout.funded", "payout.sent", "payout.settled"]


class Installation:
    """A ledger in memory whose merchant has earned, and the workers of its payouts."""

    def __init__(self, bank: Any = None, earned: int = 1000) -> None:
        self.log = MemoryLog()
        self.ledger = LedgerFixture(self.log)
        self.bank = bank if bank is not None else FakeBank()
        self.store = MemoryTasks(self.log.server_now)
        credits_ = LogCredits(self.log)
        self.processes: Sequence[Process] = (
            PayoutFunding(credits_),
            PayoutTransfers(self.bank),
        )
        self.workers = [
            Worker(one, self.store, self.log, elapsed=self.elapsed) for one in self.processes
        ]
        self.kills = 0
        set_terms(self.ledger, PayoutTerms(DESTINATION))
        if earned:
            earn(self.ledger, earned)

    def elapsed(self) -> float:
        return self.log.clock.timestamp()

    def run(self, rounds: int = 30, *, seconds: float = 60, kill_at: str = "") -> None:
        """Let the workers work and time pass; the first attempt of each task dies at the step."""
        for _ in range(rounds):
            for worker in self.workers:
                worker.follow()
                while worker.perform(step := kill_at if self._first(worker) else ""):
                    pass
                self.kills += bool(step and not worker.store.kill_at)
            self.log.advance(seconds)

    def _first(self, worker: Worker) -> bool:
        """Whether a task that was never attempted is due."""
        return any(
            process == worker.process.name and not row.attempts and row.due_at <= self.log.clock
            for (process, _), row in self.store.rows.items()
        )

    def move(self, minor: int, *, incoming: bool = True) -> None:
        self.ledger.send(
            MoveTreasury(
                kind=MoveKind.OWN_FUNDS, amount=Money(minor, "USD"), incoming=incoming,
                reference="T", credits=LogCredits(self.log).credits("bank:safeguarded", "USD"),
                credits_are_current=True,
            )
        )  # fmt: skip

    def topics(self, payout_id: UUID) -> Topics:
        return [recorded.topic for recorded in history(self.log, payout_id)]

    def payout(self, payout_id: UUID) -> Payout:
        payout: Payout = fold(history(self.log, payout_id))
        return payout

    def debited(self) -> int:
        debits: MerchantDebits = fold(
            history(self.log, MerchantDebits.stream_id(self.ledger.merchant_id, "USD"))
        )
        return debits.debited_minor

    def funded(self) -> int:
        treasury: Treasury | None = fold(history(self.log, Treasury.stream_id("USD")))
        return treasury.funded_minor if treasury else 0

    def waiting(self) -> list[tuple[str, str]]:
        """Process and reason of each task that waits."""
        return [(process, row.reason) for (process, _), row in self.store.rows.items()]


def test_a_payout_is_funded_sent_under_its_id_and_settled() -> None:
    made = Installation()
    payout_id = request_payout(made.ledger, 400)

    made.run()

    key = ids.encode("pay", payout_id)
    assert made.topics(payout_id) == PAID_OUT
    assert made.payout(payout_id).bank_reference == "B-1"
    order = made.bank.transfers[key]
    assert (order.amount, order.destination) == (Money(400, "USD"), DESTINATION)
    assert (made.debited(), made.funded()) == (400, 400)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("lost", [False, True])
def test_a_kill_between_any_two_steps_pays_once(step: str, lost: bool) -> None:
    made = Installation(FakeBank(sends=[None, PENDING] if lost else []))
    payout_id = request_payout(made.ledger, 400)

    made.run(60, seconds=120, kill_at=step)

    assert made.kills > 5  # funding, sending, and every question

    key = ids.encode("pay", payout_id)
    assert list(made.bank.transfers) == [key]
    assert {call.split()[1] for call in made.bank.calls} == {key}
    assert made.topics(payout_id) == PAID_OUT
    assert (made.debited(), made.funded()) == (400, 400)


@pytest.mark.parametrize("step", STEPS)
def test_a_return_after_settlement_counts_once_wherever_the_worker_dies(step: str) -> None:
    made = Installation(FakeBank(questions=[SETTLED, SETTLED, RETURNED]))
    payout_id = request_payout(made.ledger, 400)

    made.run(60, seconds=120, kill_at=step)

    assert made.topics(payout_id) == [*PAID_OUT, "payout.returned"]
    assert made.payout(payout_id).reason == "no such account"
    assert (made.debited(), made.funded()) == (0, 0)
    assert request_payout(made.ledger, 1000)


def test_a_refused_payout_is_returned_without_having_been_sent() -> None:
    made = Installation(FakeBank(sends=[REFUSED]))
    payout_id = request_payout(made.ledger, 400)

    made.run()

    assert made.topics(payout_id) == ["payout.requested", "payout.funded", "payout.returned"]
    assert made.payout(payout_id).reason == "the account is closed"
    assert (made.debited(), made.funded()) == (0, 0)
    assert made.bank.transfers == {}
    assert made.waiting() == []


def test_a_payout_waits_for_money_at_the_bank_and_then_goes_on_by_itself() -> None:
    made = Installation()
    made.move(700, incoming=False)
    waits, fits = request_payout(made.ledger, 400), request_payout(made.ledger, 300)

    made.run()
    before = made.topics(waits)
    others = made.topics(fits)
    made.move(99)
    made.run()
    still = made.topics(waits)
    made.move(301)
    made.run()

    assert before == still == ["payout.requested"]
    assert others == PAID_OUT
    assert made.topics(waits) == PAID_OUT


def test_many_payouts_that_wait_for_money_delay_no_other() -> None:
    made = Installation(earned=5000)
    made.move(4990, incoming=False)
    for _ in range(80):
        request_payout(made.ledger, 11)
    made.run(20)

    fits = request_payout(made.ledger, 10)
    made.run(4)

    assert made.topics(fits)[:2] == PAID_OUT[:2]


def test_a_payout_that_is_returned_before_it_is_funded_is_neither_funded_nor_sent() -> None:
    made = Installation()
    made.move(1000, incoming=False)
    payout_id = request_payout(made.ledger, 400)
    made.run(3)
    made.ledger.send(ReturnPayout(payout_id=payout_id, reason="asked for by mistake"))

    made.move(1000)
    made.run()

    assert made.topics(payout_id) == ["payout.requested", "payout.returned"]
    assert (made.bank.calls, made.waiting()) == ([], [])
    assert (made.debited(), made.funded()) == (0, 0)


def test_a_silent_bank_is_asked_again_under_the_same_key_and_the_payout_parked_in_the_end() -> None:
    made = Installation(FakeBank(sends=[None]))
    payout_id = request_payout(made.ledger, 400)

    made.run(200, seconds=600)

    [row] = made.store.rows.values()
    assert row.parked
    assert row.reason == "the bank is silent"
    assert made.topics(payout_id) == ["payout.requested", "payout.funded"]
    assert set(made.bank.calls) == {f"send {ids.encode('pay', payout_id)}"}
    assert len(made.bank.calls) == PayoutTransfers.retry.attempts_max


def test_the_bank_is_asked_later_and_later_and_a_payout_it_never_settles_is_parked() -> None:
    made = Installation(FakeBank(questions=[PENDING]))
    payout_id = request_payout(made.ledger, 400)

    made.run(round(WATCHED.total_seconds() / 3600) + 3, seconds=3600)

    [row] = made.store.rows.values()
    assert (row.parked, row.reason) == (True, "the bank has not settled it within 10 days")
    assert made.payout(payout_id).status.value == "sent"
    assert len(made.bank.calls) < 60


def test_after_the_last_question_about_a_settled_payout_nothing_waits() -> None:
    made = Installation()
    request_payout(made.ledger, 400)

    made.run(round(WATCHED.total_seconds() / 3600) + 3, seconds=3600)

    assert made.waiting() == []


def test_the_words_of_a_bank_are_cleaned_and_account_numbers_withheld() -> None:
    hostile = "account DE89 3704 0044 0532 0130 00 is\0closed\ud800" + "x" * 5000
    bank = FakeBank(questions=[type(RETURNED)(RETURNED.state, "B\u2028" + "9" * 500, hostile)])
    made = Installation(bank)
    payout_id = request_payout(made.ledger, 400)

    made.run()

    assert made.payout(payout_id).reason == "withheld: the bank's reason may name an account"
    assert made.topics(payout_id)[-1] == "payout.returned"


@pytest.mark.parametrize(
    ("minor", "status", "reason"),
    [
        (100, "settled", ""),
        (191, "returned", "no such account"),
        (192, "returned", "no such account"),
        (193, "returned", "the account is closed"),
        (194, "settled", ""),
        (195, "requested", ""),
        (196, "settled", ""),
    ],
)
def test_the_sandbox_bank_ends_each_payout_as_its_amount_says(
    minor: int, status: str, reason: str
) -> None:
    made = Installation(SandboxBank())
    payout_id = request_payout(made.ledger, minor)

    made.run(60)

    payout = made.payout(payout_id)
    assert (payout.status.value, payout.reason) == (status, reason)
    left = 0 if status == "returned" else minor
    assert (made.debited(), made.funded()) == (left, left)


def test_the_calls_of_one_batch_end_before_its_lease() -> None:
    policy = PayoutTransfers.retry

    assert policy.tasks_max * BANK_SECONDS_MAX < policy.lease_seconds


def test_credits_of_a_position_that_lags_never_fund_too_much() -> None:
    made = Installation()
    lagging = LogCredits(made.log)
    lagging.position = made.log.head()
    earn(made.ledger, 500)

    assert lagging.credits("bank:safeguarded", "USD") == Credits(1000, lagging.position)
