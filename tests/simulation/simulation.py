"""One simulated ledger for each seed: with faults, then without; it must end without a violation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from application.checks.checker import LogChecker, check_log
from application.checks.notices import check_answers, check_notices
from application.checks.violation import Violation
from application.command import Command, Envelope, Outcome, Result
from application.commands.create_session import CreateSession
from application.commands.open_wallet import OpenWallet
from application.commands.pay_session import PaySession
from application.commands.top_up_wallet import TopUpWallet
from application.event_log import fold, history
from application.processes.expiry import Expiry
from application.processes.payout_funding import PayoutFunding
from application.processes.payouts import PayoutTransfers
from domain import ids
from domain.errors import LedgerError
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.sessions.state import OPEN
from tests.simulation.faulty_log import VirtualLog
from tests.simulation.kernel import Kernel
from tests.simulation.money import Debits, SimulatedBank
from tests.simulation.payers import CardPayers
from tests.simulation.processes import ApiProcess, NotifierProcess, Operator, ProcessWorker, Screen
from tests.simulation.reconciliation import Reconciliation
from tests.support.books_fixture import BooksFixture
from tests.support.ledger_fixture import LedgerFixture
from tests.support.static_codes import CodesFixture

FAULT_SECONDS: Final = 1200.0
DRAIN_SECONDS: Final = 2400.0
"""How long without faults until every session must have ended and every queue be empty."""
DAYS: Final = 5
"""Days that pass then: money in suspense waits for one, callbacks about nothing for three."""
DAY_SECONDS: Final = 86_400 + 3600
DAY_DRAIN_SECONDS: Final = 200.0
SESSIONS: Final = 60
RETRIES_MAX: Final = 40
YEAR: Final = 400 * 86_400
JUMPS: Final = {
    "clock far ahead": [400, 3600, YEAR],
    "clock far back": [-60, -3600, -YEAR],
    "clock a little back": [-1, -20, -29],
}
"""How far the database's clock jumps, in seconds, until it jumps again."""
PRICE: Final = Money(400, "USD")
FOREIGN_PRICE: Final = Money(399, "EUR")
STATIC_SCANS: Final = 20
PAYOUTS: Final = 8
PAYOUT_SECONDS: Final = 5.0
"""Of virtual time between the steps of a worker of payouts."""


@dataclass
class Report:
    """What one seed has run, and the violations that it has found."""

    seed: int
    trace: str
    steps: int
    events: int
    commands: int
    acknowledged: int
    clocks_accepted: int
    seconds: float
    faults: Counter[str]
    violations: list[Violation]


class Simulation:
    """Two API processes, workers, a notifier, a bank, a processor, and payers who compete."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.kernel = Kernel(seed)
        self.log = VirtualLog(self.kernel)
        self.ledger = LedgerFixture(self.log, new_id=self.kernel.new_id)
        self.screens: list[Screen] = []
        self.apis = [ApiProcess(self.kernel, self.log, f"api {n}") for n in (1, 2)]
        self.expirer = ProcessWorker(self.kernel, self.log, Expiry())
        self.notifier = NotifierProcess(self.kernel, self.log, self.screens)
        self.debits = Debits(self.kernel, self.log, self.ledger)
        self.books = BooksFixture(self.ledger)
        self.bank = SimulatedBank(self.kernel)
        processes = (PayoutFunding(self.debits.credits), PayoutTransfers(self.bank))
        self.payers = [
            ProcessWorker(self.kernel, self.log, process, seconds=PAYOUT_SECONDS)
            for process in processes
        ]
        self.cards = CardPayers(
            self.kernel, self.log, self.ledger, self.debits, self._send, self.screens
        )
        self.workers = [self.expirer, *self.payers, *self.cards.workers]
        self.operator = Operator(self.kernel, self.log, [*self.apis, *self.workers])
        self.kept_results: list[tuple[str, str]] = []
        self.waiting: Counter[str] = Counter()
        self.acknowledged: list[tuple[UUID, int]] = []
        self.wallets = [self._open_wallet() for _ in range(3)]
        policy = self.kernel.random.choice(list(FeeRefundPolicy))
        plan = FeePlan(self.kernel.random.choice([0, 75, 290]), 30, policy)
        for currency in (PRICE.currency, FOREIGN_PRICE.currency):
            self.ledger.send(self.books.set_plan(currency, plan))
            self.ledger.send(self.books.set_payouts(currency))
        self.codes = CodesFixture(self.ledger)
        self.code = self.codes.issue()

    def _open_wallet(self) -> UUID:
        wallet_id = self.kernel.new_id()
        currency = CURRENCIES["USD"]
        self.ledger.send(
            OpenWallet(wallet_id=wallet_id, wallet_app_id=self.ledger.app, currency=currency)
        )
        funds = Money(self.kernel.random.choice([0, 500, 10_000]) + 1, "USD")
        self.ledger.send(TopUpWallet(wallet_id=wallet_id, amount=funds, reference="funds"))
        return wallet_id

    def run(self) -> Report:
        """Run the simulation."""
        random = self.kernel.random
        for number in range(SESSIONS):
            self.kernel.after(
                random.random() * FAULT_SECONDS / 2, partial(self._run_session, number)
            )
        for number in range(STATIC_SCANS):
            act = partial(self._scan_static, number)
            self.kernel.after(random.random() * FAULT_SECONDS / 2, act)
        self.cards.begin(FAULT_SECONDS / 2, self.wallets)
        revoke = partial(self._send, self.codes.revoke(self.code), "revoke")
        self.kernel.after(random.random() * FAULT_SECONDS, revoke)
        for number in range(PAYOUTS):
            self.kernel.after(random.random() * FAULT_SECONDS, partial(self._pay_out, number))
        self.kernel.after(1, self._inject_faults)
        self.kernel.after(1, self._reconnect)
        self.kernel.run(FAULT_SECONDS)
        self.kernel.healed = True
        self.kernel.run(FAULT_SECONDS + DRAIN_SECONDS)
        for _ in range(DAYS):
            self.kernel.seconds += DAY_SECONDS
            self.kernel.run(self.kernel.seconds + DAY_DRAIN_SECONDS)
        violations = self._check()
        return Report(
            seed=self.seed,
            trace=self.kernel.trace.hexdigest(),
            steps=self.kernel.steps,
            events=len(self.log.events),
            commands=len(self.log.receipts),
            acknowledged=len(self.acknowledged),
            clocks_accepted=self.operator.accepted,
            seconds=self.kernel.seconds,
            faults=self.kernel.faults,
            violations=violations,
        )

    # Faults, and clients that reconnect.

    def _inject_faults(self) -> None:
        self.kernel.after(self.kernel.random.expovariate(1 / 20), self._inject_faults)
        if self.kernel.occurs("crash"):
            victims: list[ApiProcess | ProcessWorker | NotifierProcess]
            victims = [*self.apis, *self.workers, self.notifier]
            victim = self.kernel.random.choice(victims)
            self.kernel.note("crash", type(victim).__name__)
            victim.crash()
        for fault, jumps in JUMPS.items():
            if self.kernel.occurs(fault):
                self.log.skew += timedelta(seconds=self.kernel.random.choice(jumps))
        if self.screens and self.kernel.occurs("slow reader"):
            self.kernel.random.choice(self.screens).slow = True

    def _reconnect(self) -> None:
        self.kernel.after(2, self._reconnect)
        for screen in self.screens:
            if screen.connection is None:
                self.notifier.connect(screen)

    # A session: a merchant creates it, up to two wallets scan and pay, and it may be cancelled.

    def _run_session(self, number: int) -> None:
        random = self.kernel.random
        session_id = self.kernel.new_id()
        command = CreateSession(
            session_id=session_id,
            merchant_id=self.ledger.merchant_id,
            order_id=f"order {random.randrange(SESSIONS // 2)}",
            amount=FOREIGN_PRICE if random.random() < 0.3 else PRICE,
            expires_in_seconds=random.choice([60, 300, 900]),
        )
        payers = random.sample(self.wallets, random.choice([0, 1, 2]))

        def created(outcome: Outcome) -> None:
            created_id: UUID = outcome.subject.id
            screen = Screen(created_id)
            self.screens.append(screen)
            self.notifier.connect(screen)
            for wallet in payers:
                self.kernel.after(random.random() * 100, partial(self._scan, created_id, wallet))
            if random.random() < 0.2:
                cancel = self.ledger.cancel(created_id)
                self.kernel.after(random.random() * 200, partial(self._send, cancel, ""))

        self._send(command, f"create {number}", created)

    def _scan(self, session_id: UUID, wallet: UUID) -> None:
        self._send(self.ledger.scan(session_id, wallet), "", self._pay_after_scan(wallet))

    def _scan_static(self, number: int) -> None:
        """A payer scans the printed code, perhaps again and with another amount."""
        random = self.kernel.random
        wallet = random.choice(self.wallets)
        for part in range(random.choice([1, 1, 2])):
            command = self.codes.scan(self.code, wallet, random.choice([300, 300, 500]))
            key = random.choice(["", f"static {number} {part}"])
            send = partial(self._send, command, key, self._pay_after_scan(wallet))
            self.kernel.after(random.random() * 20, send)

    def _pay_after_scan(self, wallet: UUID) -> Callable[[Outcome], None]:
        def scanned(outcome: Outcome) -> None:
            session_id = outcome.subject.id
            claim = outcome.subject.claim
            mine = claim is not None and claim.wallet_id == ids.encode("wal", wallet)
            if claim is not None and mine:
                price = outcome.subject.amount
                wrong = self.kernel.random.random() < 0.1
                amount = Money(1, price.currency) if wrong else price
                pay = self.ledger.pay(session_id, wallet, claim.id, amount)
                key = f"pay {session_id} {wallet}"
                act = partial(self._pay, pay, key)
                if price.currency != PRICE.currency:
                    act = partial(self._quote, pay, key)
                self.kernel.after(self.kernel.random.random() * 90, act)

        return scanned

    def _quote(self, command: PaySession, key: str) -> None:
        """Pay in another currency: a quote comes first, and may have ended when it is used."""

        def quoted(outcome: Outcome) -> None:
            pay = replace(command, quote_id=self.kernel.random.choice(list(outcome.subject.quotes)))
            self.kernel.after(self.kernel.random.random() * 70, partial(self._pay, pay, key))

        quote = self.books.quote(command.session_id, command.wallet_id)
        self._send(quote, f"quote {key}", quoted)

    def _pay(self, command: PaySession, key: str) -> None:
        self._send(command, key, self._refund)
        if self.kernel.random.random() < 0.3:  # an impatient payer pays twice
            self._send(command, key)

    def _refund(self, outcome: Outcome) -> None:
        """Up to three refunds of a payment, which together may be too much."""
        session, random = outcome.subject, self.kernel.random
        for number in range(random.choice([0, 1, 3])):
            minor = random.choice([1, session.amount.minor // 3, session.amount.minor])
            amount = Money(minor, session.amount.currency)
            key = f"refund {session.id} {number}"
            send = partial(
                self._send, partial(self.debits.refund, session.id, amount), key, body=repr(amount)
            )
            for _ in range(random.choice([1, 1, 2])):
                self.kernel.after(random.random() * 200, send)

    def _pay_out(self, number: int) -> None:
        minor = self.kernel.random.choice([1, 100, 1000, 3000])
        make = partial(self.debits.payout, Money(minor, PRICE.currency))
        for _ in range(self.kernel.random.choice([1, 2])):
            self._send(make, f"payout {number}", body=str(minor))

    def _send(
        self,
        command: Command | Callable[[], Command],
        key: str,
        then: Callable[[Outcome], None] | None = None,
        tries: int = RETRIES_MAX,
        body: str = "",
    ) -> None:
        """Send to one of the API processes; retry under the same key until there is a result.

        A command that the API makes of the request and of what it has read is made for each try;
        `body` is the request.
        """
        name = key or str(self.kernel.new_id())
        made = command if isinstance(command, Command) else command()
        envelope = Envelope(
            command=made,
            command_id=ids.derive("key", name),
            actor="client",
            fingerprint=ids.derive("body", body or repr(made)).bytes if key else b"",
        )
        self.waiting[name] += 1

        def reply(result: Result | None) -> None:
            self.waiting[name] -= 1
            unsettled = result is None or (isinstance(result, LedgerError) and result.transient)
            if unsettled and tries > 0 and (key or result is not None):
                again = partial(self._send, command, key, then, tries - 1, body)
                self.kernel.after(1 + self.kernel.random.random() * 5, again)
                return
            if isinstance(result, LedgerError) and key and result.kept:
                self.kept_results.append((key, result.code))
            if isinstance(result, Outcome):
                self.acknowledged.append((result.subject.id, result.subject.version))
                if key:
                    subject = result.subject
                    self.kept_results.append(
                        (key, f"{subject.id} {subject.version} {result.position}")
                    )
                if then is not None:
                    then(result)

        self.kernel.random.choice(self.apis).submit(envelope, reply)

    # The checks at the end.

    def _check(self) -> list[Violation]:
        checker, violations = check_log(self.log.events, self.log.receipts.values())
        violations = [*violations, *check_answers(self.kept_results)]
        for stream, version in self.acknowledged:
            held = len(history(self.log, stream))
            if held < version:
                violations.append(Violation("acknowledged-is-kept", 0, f"{stream}: {held}"))
        for session in checker.sessions.facts.values():
            if session.status in OPEN:
                text = f"{session.session_id} is still {session.status}"
                violations.append(Violation("everything-drains", session.position, text))
        violations += self._check_processor(checker)
        payouts = [fold(history(self.log, stream)) for stream in checker.payouts.facts]
        rows = self.payers[1].tasks.rows
        parked = {key.split()[0] for (_, key), row in rows.items() if row.parked}
        violations += self.bank.check(payouts, parked)
        for _, key in self.expirer.tasks.rows:
            violations.append(Violation("everything-drains", 0, f"the task of {key} is not done"))
        for name in [name for name, count in self.waiting.items() if count]:
            violations.append(Violation("everything-drains", 0, f"{name} has no result"))
        for screen in self.screens:
            violations += check_notices(screen.received, history(self.log, screen.session_id))
        return violations

    def _check_processor(self, checker: LogChecker) -> list[Violation]:
        """Nothing that the processor has taken is lost or counted twice, and nothing waits."""
        found = list((books := Reconciliation(self.log, self.cards.processor)).run())
        for session in checker.sessions.facts.values():
            stream = session.session_id
            found += books.refunds(stream)
            if text := books.locked(stream):
                found.append(Violation("everything-drains", session.position, text))
        for entry in checker.attempts.entries.values():
            if entry.status not in {"accepted", "returned"}:
                text = f"{entry.amount_minor} {entry.currency} {entry.reason} is {entry.status}"
                found.append(Violation("suspense-ends-at-zero", 0, text))
        return found


def simulate(seed: int) -> Report:
    """Run one seed."""
    return Simulation(seed).run()
