"""What moves money in a simulation beside payments: refunds, quotes, payouts, and a bank."""

from __future__ import annotations

from typing import Any, Final

from application.checks.violation import Violation
from application.command import Command
from application.commands.refund_session import RefundSession
from application.commands.request_payout import RequestPayout
from application.ports.bank import NoAnswer, Transfer, TransferOrder, TransferState
from domain.accounting import chart
from domain.money.money import Money
from domain.payouts.debits import Credits
from domain.payouts.payout import Payout, PayoutStatus
from tests.simulation.faulty_log import VirtualLog
from tests.simulation.kernel import Kernel
from tests.support.ledger_fixture import LedgerFixture

BANK_FAULT: Final = "silent bank"
LAG_FAULT: Final = "lagging credits"
PENDING_MAX: Final = 4
"""How often the bank says that a transfer is on its way."""


class CountedCredits:
    """`balances` in a simulation: counts the credits of accounts, sometimes late."""

    def __init__(self, kernel: Kernel, log: VirtualLog) -> None:
        self._kernel, self._log = kernel, log

    def credits(self, account: str, currency: str) -> Credits:
        """See `AccountCredits`; lags sometimes."""
        behind = self._kernel.random.randrange(200) if self._kernel.occurs(LAG_FAULT) else 0
        return self.up_to(max(0, self._log.head() - behind), account, currency)

    def current(self, account: str, currency: str) -> Credits:
        """Counted up to the head."""
        return self.up_to(self._log.head(), account, currency)

    def up_to(self, position: int, account: str, currency: str) -> Credits:
        """Net payments of a merchant, or top-ups at the bank, by the events themselves."""
        is_bank, minor = account == chart.BANK.of(), 0
        topic = "wallet.topped_up" if is_bank else "payment_session.paid"
        for recorded in self._log.events[:position]:
            if is_bank and recorded.topic == "settlement.received":
                settled: Any = recorded.event
                minor += settled.received_minor * (settled.currency == currency)
            elif recorded.topic == topic:
                event = recorded.event
                if event.currency == currency:  # type: ignore[attr-defined]
                    minor += event.amount_minor - (0 if is_bank else event.fee_minor)  # type: ignore[attr-defined]
        return Credits(minor, position)


class Debits:
    """Makes the commands that debit the merchant, with credits as the API reads them."""

    def __init__(self, kernel: Kernel, log: VirtualLog, ledger: LedgerFixture) -> None:
        self._kernel, self._ledger = kernel, ledger
        self.credits = CountedCredits(kernel, log)
        self._account = chart.PAYABLE.of(ledger.merchant)

    def refund(self, session_id: object, amount: Money) -> Command:
        """A refund; under a key that was used before, its new id is of no effect."""
        earned, current = self._earned(amount.currency)
        return RefundSession(
            refund_id=self._kernel.new_id(),
            session_id=session_id,  # type: ignore[arg-type]
            merchant_id=self._ledger.merchant_id,
            amount=amount,
            credits=earned,
            credits_are_current=current,
        )

    def payout(self, amount: Money) -> Command:
        """A payout; under a key that was used before, its new id is of no effect."""
        earned, current = self._earned(amount.currency)
        return RequestPayout(
            payout_id=self._kernel.new_id(),
            merchant_id=self._ledger.merchant_id,
            amount=amount,
            credits=earned,
            credits_are_current=current,
        )

    def _earned(self, currency: str) -> tuple[Credits, bool]:
        """What is counted; sometimes only what was counted a while ago."""
        if self._kernel.random.random() < 0.5:
            return self.credits.credits(self._account, currency), False
        return self.credits.current(self._account, currency), True


class SimulatedBank:
    """A bank that settles, refuses, returns, returns after settling, and is silent sometimes."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.orders: dict[str, TransferOrder] = {}
        self.states: dict[str, list[TransferState]] = {}
        """What the bank will say of each transfer; the last answer is repeated."""
        self.contradictions: list[Violation] = []

    def send(self, order: TransferOrder) -> Transfer:
        """See `Bank`."""
        random = self._kernel.random
        if self._kernel.occurs(BANK_FAULT):
            raise NoAnswer(BANK_FAULT)
        if self.orders.setdefault(order.key, order) != order:
            text = f"{order.key}: {self.orders[order.key]}, then {order}"
            self.contradictions.append(Violation("one-transfer-per-payout", 0, text))
        if order.key not in self.states:
            ends = [
                [TransferState.REFUSED],
                [TransferState.RETURNED],
                [TransferState.SETTLED],
                [TransferState.SETTLED, TransferState.RETURNED],
            ]
            end = random.choice(ends)
            pending = [TransferState.PENDING] * random.randrange(PENDING_MAX)
            refused = end == ends[0]
            self.states[order.key] = end if refused else [TransferState.PENDING, *pending, *end]
        if self._kernel.occurs(BANK_FAULT):  # the transfer is made, the answer is lost
            raise NoAnswer(BANK_FAULT)
        return self._answer(order)

    def status(self, order: TransferOrder) -> Transfer:
        """See `Bank`."""
        if order.key not in self.states or self._kernel.occurs(BANK_FAULT):
            raise NoAnswer(BANK_FAULT)
        return self._answer(order)

    def _answer(self, order: TransferOrder) -> Transfer:
        states = self.states[order.key]
        state = states.pop(0) if len(states) > 1 else states[0]
        return Transfer(state, reference="B-1", reason="closed")

    def check(self, payouts: list[Payout], parked: set[str]) -> list[Violation]:
        """Compare the payouts at the end with what the bank has done.

        Args:
            payouts: all of them.
            parked: the ids of those that wait for a person: a clock that was accepted far ahead
                ends the days for which the bank is asked.
        """
        found = list(self.contradictions)
        for payout in payouts:
            order, states = self.orders.get(payout.public_id), self.states.get(payout.public_id)
            if order is not None and order.amount != payout.amount:
                text = f"{payout.public_id}: {order.amount} sent of {payout.amount}"
                found.append(Violation("one-transfer-per-payout", 0, text))
            if payout.public_id not in parked and payout.status in {
                PayoutStatus.REQUESTED,
                PayoutStatus.SENT,
            }:
                text = f"{payout.public_id} is still {payout.status}, the bank has {states}"
                found.append(Violation("everything-drains", 0, text))
        return found
