"""The simulated ledger, with a merchant that asks for payouts and a bank that is often silent."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Final

from application.checks.violation import Violation
from application.commands.request_payout import RequestPayout
from application.event_log import fold, history
from application.ports.bank import NoAnswer, Transfer, TransferOrder, TransferState
from application.processes.payout_funding import PayoutFunding
from application.processes.payouts import PayoutTransfers
from domain.accounting import chart
from domain.merchants.payout_terms import PayoutTerms
from domain.money.money import Money
from domain.payouts.payout import Payout, PayoutStatus
from projections._postings import lines
from tests.simulation.kernel import Kernel
from tests.simulation.processes import Expirer
from tests.simulation.simulation import FAULT_SECONDS, Report, Simulation
from tests.support.payout_steps import DESTINATION, EVENTS_MAX, LogCredits, set_terms

REQUESTS: Final = 40
SILENCE: Final = 0.3
"""The share of calls without an answer until everything is healed."""
OUTCOMES: Final = ("settled", "returned", "returned later", "refused")


class SimulatedBank:
    """Decides once for each key; an answer can be lost after the transfer was made."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.orders: dict[str, TransferOrder] = {}
        """The transfers that were made, by key."""
        self.changed: list[str] = []
        """Keys that came again with another order."""
        self.outcomes: dict[str, str] = {}
        self._questions: Counter[str] = Counter()

    def send(self, order: TransferOrder) -> Transfer:
        outcome = self.outcomes.setdefault(order.key, self._kernel.random.choice(OUTCOMES))
        if self.orders.setdefault(order.key, order) != order:
            self.changed.append(order.key)
        self._say("send", order)
        return self._transfer(order, outcome == "refused" and TransferState.REFUSED)

    def status(self, order: TransferOrder) -> Transfer:
        self._say("status", order)
        self._questions[order.key] += 1
        asked, outcome = self._questions[order.key], self.outcomes[order.key]
        later = outcome == "returned later" and asked > 3
        if asked < 2:
            return self._transfer(order, TransferState.PENDING)
        returned = later or outcome == "returned"
        return self._transfer(order, TransferState.RETURNED if returned else TransferState.SETTLED)

    def _say(self, call: str, order: TransferOrder) -> None:
        self._kernel.note("bank", call, order.key)
        if not self._kernel.healed and self._kernel.random.random() < SILENCE:
            raise NoAnswer(call)

    @staticmethod
    def _transfer(order: TransferOrder, state: TransferState | bool) -> Transfer:
        state = state or TransferState.PENDING
        assert isinstance(state, TransferState)
        failed = state in {TransferState.REFUSED, TransferState.RETURNED}
        return Transfer(state, f"B {order.key[:8]}", "no such account" if failed else "")


class PayoutSimulation(Simulation):
    """Payouts among the payments, through the same processes and faults."""

    def _begin(self) -> None:
        self.bank, self.credits = SimulatedBank(self.kernel), LogCredits(self.log)
        set_terms(self.ledger, PayoutTerms(DESTINATION))
        for process in (PayoutFunding(self.credits), PayoutTransfers(self.bank)):
            self.workers.append(Expirer(self.kernel, self.log, process))
        for number in range(REQUESTS):
            at = self.kernel.random.random() * FAULT_SECONDS
            self.kernel.after(at, partial(self._ask, number))

    def _ask(self, number: int) -> None:
        """Ask for more than there may be, sometimes twice, with credits that are current."""
        command = RequestPayout(
            payout_id=self.kernel.new_id(),
            merchant_id=self.ledger.merchant_id,
            amount=Money(self.kernel.random.choice([1, 200, 400, 1000]), "USD"),
            credits=self.credits.credits(chart.PAYABLE.of(self.ledger.merchant), "USD"),
            credits_are_current=True,
        )
        self._send(command, f"payout {number}")
        if self.kernel.random.random() < 0.3:
            self._send(command, f"payout {number}")

    def payouts(self) -> list[Payout]:
        """Every payout."""
        requested = [e.stream_id for e in self.log.events if e.topic == Payout.Requested.TOPIC]
        return [fold(history(self.log, stream_id)) for stream_id in requested]

    def _check(self) -> list[Violation]:
        return [*super()._check(), *self._check_payouts()]

    def _check_payouts(self) -> list[Violation]:
        """Each payout has the end that the bank gave it, and no account is negative."""
        found = [f"{key} was sent again as another order" for key in self.bank.changed]
        payouts = {payout.public_id: payout for payout in self.payouts()}
        found += [f"{key} is not a payout" for key in self.bank.orders if key not in payouts]
        for key, payout in payouts.items():
            settled = self.bank.outcomes.get(key) == "settled"
            expected = PayoutStatus.SETTLED if settled else PayoutStatus.RETURNED
            if payout.status is not expected:
                found.append(f"{key} is {payout.status}, {self.bank.outcomes.get(key)} at the bank")
        balances: Counter[str] = Counter()
        for line in lines(self.log.read(0, EVENTS_MAX)):
            account = line.posting.account
            balances[account] += line.change_minor
            kind, _ = chart.parse(account)
            if balances[account] < 0 and (kind.never_negative or kind is chart.PAYABLE):
                found.append(f"{account} is negative at {line.recorded.position}")
        out = sum(payout.amount.minor for payout in payouts.values() if payout.status == "settled")
        debits = balances[chart.IN_TRANSIT.of(self.ledger.merchant)]
        earned = self.credits.credits(chart.PAYABLE.of(self.ledger.merchant), "USD").minor
        if earned - out != balances[chart.PAYABLE.of(self.ledger.merchant)] or debits:
            found.append(f"earned {earned}, paid out {out}, in transit {debits}")
        return [Violation("payouts-add-up", 0, text) for text in found]


def simulate_payouts(seed: int) -> tuple[Report, Counter[str]]:
    """Run one seed; returns its report and how many payouts have ended how."""
    simulation = PayoutSimulation(seed)
    report = simulation.run()
    return report, Counter(payout.status.value for payout in simulation.payouts())
