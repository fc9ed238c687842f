"""Earnings, refunds, payouts and the treasury against a simple model, in random steps.

Two buses with states of their own stand for two API processes; credits lag by any number of
positions. After each step the accounts are those of the model, and none is negative.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)  # fmt: skip

from application.command import Command
from application.commands.fund_payout import FundPayout
from application.commands.move_treasury import MoveTreasury
from application.commands.refund_session import RefundSession
from application.commands.request_daily_payout import RequestDailyPayout
from application.commands.request_payout import RequestPayout
from application.commands.return_payout import ReturnPayout
from application.commands.send_payout import SendPayout
from application.commands.settle_payout import SettlePayout
from domain.accounting import chart
from domain.merchants.payout_terms import PayoutTerms
from domain.money.money import Money
from domain.payouts.debits import Credits
from domain.treasury.treasury import MoveKind
from projections._postings import lines
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog
from tests.support.payout_steps import DESTINATION, EVENTS_MAX, LogCredits, set_terms

BANK = chart.BANK.of()
AMOUNTS, LAGS, CHOICES = st.integers(1, 300), st.integers(0, 30), st.integers(0, 50)


@dataclass
class ModelPayout:
    """A payout in the model."""

    id: UUID
    minor: int
    status: str = "requested"
    funded: bool = False


class PayoutMachine(RuleBasedStateMachine):
    """One merchant, and everything that moves its money."""

    @initialize()
    def begin(self) -> None:
        self.log = MemoryLog()
        self.ledger = LedgerFixture(self.log)
        self.processes = [self.ledger, LedgerFixture(self.log, like=self.ledger)]
        self.credits = LogCredits(self.log)
        set_terms(self.ledger, PayoutTerms(DESTINATION, "06:00"))
        self.payable = self.bank = self.free = 0
        self.payments: list[list[Any]] = []
        self.payouts: list[ModelPayout] = []
        self.steps = 0

    def send(self, command: Command) -> Any:
        """Send through one process after the other; the outcome, or the code of the refusal."""
        self.steps += 1
        return self.processes[self.steps % 2].try_send(command)

    def counted(self, account: str, lag: int) -> Credits:
        """The credits of an account, counted up to some positions before the head."""
        self.credits.position = self.log.head() - lag
        return self.credits.credits(account, "USD")

    @property
    def account(self) -> str:
        return chart.PAYABLE.of(self.ledger.merchant)

    def taken(self, lag: int) -> int:
        """What these credits leave to take out, by the model."""
        now = self.counted(self.account, 0).minor
        return self.payable - now + self.counted(self.account, lag).minor

    @rule(minor=AMOUNTS)
    def pay(self, minor: int) -> None:
        amount = Money(minor, "USD")
        wallet, session = self.ledger.open_wallet(minor), self.ledger.create_session(amount=amount)
        claim = self.ledger.claim_session(session, wallet)
        self.send(self.ledger.pay(session, wallet, claim, amount))
        self.payments.append([session, minor])
        self.payable += minor
        self.bank += minor
        self.free += minor

    @rule(minor=AMOUNTS, lag=LAGS, current=st.booleans())
    def request(self, minor: int, lag: int, current: bool) -> None:
        lag = 0 if current else lag
        payout = ModelPayout(self.ledger.new_id(), minor)
        covered = minor <= self.taken(lag)
        result = self.send(
            RequestPayout(
                payout_id=payout.id, merchant_id=self.ledger.merchant_id,
                amount=Money(minor, "USD"), credits=self.counted(self.account, lag),
                credits_are_current=current,
            )
        )  # fmt: skip
        refusal = "payable-insufficient" if current else "credits-not-counted"
        self._take(payout, None if covered else refusal, result)

    @rule(lag=LAGS)
    def daily(self, lag: int) -> None:
        payout = ModelPayout(self.ledger.new_id(), max(0, self.taken(lag)))
        result = self.send(
            RequestDailyPayout(
                payout_id=payout.id, merchant_id=self.ledger.merchant_id, currency="USD",
                credits=self.counted(self.account, lag),
            )
        )  # fmt: skip
        assert not isinstance(result, str)
        if payout.minor:
            self._take(payout, None, result)

    def _take(self, payout: ModelPayout, refusal: str | None, result: Any) -> None:
        if refusal is not None:
            assert result == refusal
            return
        assert result.subject.amount.minor == payout.minor
        self.payouts.append(payout)
        self.payable -= payout.minor

    @rule(choice=CHOICES, minor=AMOUNTS)
    def refund(self, choice: int, minor: int) -> None:
        if not self.payments:
            return
        payment = self.payments[choice % len(self.payments)]
        result = self.send(
            RefundSession(
                refund_id=self.ledger.new_id(), session_id=payment[0],
                merchant_id=self.ledger.merchant_id, amount=Money(minor, "USD"),
                credits=self.counted(self.account, 0), credits_are_current=True,
            )
        )  # fmt: skip
        if minor > payment[1]:
            assert result == "refund-exceeds-paid"
        elif minor > self.payable:
            assert result == "payable-insufficient"
        else:
            assert not isinstance(result, str)
            payment[1] -= minor
            self.payable -= minor

    @rule(choice=CHOICES, lag=LAGS)
    def fund(self, choice: int, lag: int) -> None:
        if not self.payouts:
            return
        payout = self.payouts[choice % len(self.payouts)]
        missing = self.counted(BANK, 0).minor - self.counted(BANK, lag).minor
        to_do = payout.status == "requested" and not payout.funded
        result = self.send(FundPayout(payout_id=payout.id, credits=self.counted(BANK, lag)))
        if to_do and payout.minor > self.free - missing:
            assert result == "payout-not-funded"
        elif to_do:
            payout.funded = True
            self.free -= payout.minor

    @rule(choice=CHOICES, step=st.sampled_from(["send", "settle", "return"]))
    def answer(self, choice: int, step: str) -> None:
        if not self.payouts:
            return
        payout = self.payouts[choice % len(self.payouts)]
        if step == "send":
            self.send(SendPayout(payout_id=payout.id, bank_reference="B"))
            if payout.funded and payout.status == "requested":
                payout.status = "sent"
        elif step == "settle":
            self.send(SettlePayout(payout_id=payout.id))
            if payout.status == "sent":
                payout.status = "settled"
                self.bank -= payout.minor
        else:
            self.send(ReturnPayout(payout_id=payout.id, reason="closed"))
            if payout.status != "returned":
                self.bank += payout.minor if payout.status == "settled" else 0
                self.free += payout.minor if payout.funded else 0
                self.payable += payout.minor
                payout.status = "returned"

    @rule(minor=AMOUNTS, incoming=st.booleans())
    def move(self, minor: int, incoming: bool) -> None:
        result = self.send(
            MoveTreasury(
                kind=MoveKind.OWN_FUNDS, amount=Money(minor, "USD"), incoming=incoming,
                reference="T", credits=self.counted(BANK, 0), credits_are_current=True,
            )
        )  # fmt: skip
        if not incoming and minor > self.free:
            assert result == "treasury-insufficient"
        else:
            change = minor if incoming else -minor
            self.bank += change
            self.free += change

    @invariant()
    def accounts_are_those_of_the_model(self) -> None:
        balances: Counter[str] = Counter()
        for line in lines(self.log.read(0, EVENTS_MAX)):
            balances[line.posting.account] += line.change_minor
        in_transit = sum(p.minor for p in self.payouts if p.status in {"requested", "sent"})
        assert balances[self.account] == self.payable
        assert balances[BANK] == self.bank
        assert balances[chart.IN_TRANSIT.of(self.ledger.merchant)] == in_transit
        assert min(self.payable, self.bank, self.free) >= 0


def test_payouts_do_what_the_model_does() -> None:
    run_state_machine_as_test(
        PayoutMachine, settings=settings(max_examples=60, stateful_step_count=40)
    )
