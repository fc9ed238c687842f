"""One simulated ledger for each seed: with faults, then without; it must end without a violation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from application.checks.checker import check_log
from application.checks.notices import check_answers, check_notices
from application.checks.violation import Violation
from application.command import Command, Envelope, Outcome, Result
from application.commands.create_session import CreateSession
from application.commands.open_wallet import OpenWallet
from application.commands.pay_session import PaySession
from application.commands.top_up_wallet import TopUpWallet
from application.event_log import history
from domain import ids
from domain.errors import LedgerError
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.sessions.state import OPEN
from tests.simulation.faulty_log import VirtualLog
from tests.simulation.kernel import Kernel
from tests.simulation.processes import ApiProcess, Expirer, NotifierProcess, Operator, Screen
from tests.support.ledger_fixture import LedgerFixture

FAULT_SECONDS: Final = 1200.0
DRAIN_SECONDS: Final = 2400.0
"""How long without faults until every session must have ended and every queue be empty."""
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
    """Two API processes, an expiry worker, a notifier, and payers whose wallets compete."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.kernel = Kernel(seed)
        self.log = VirtualLog(self.kernel)
        self.ledger = LedgerFixture(self.log, new_id=self.kernel.new_id)
        self.screens: list[Screen] = []
        self.apis = [ApiProcess(self.kernel, self.log, f"api {n}") for n in (1, 2)]
        self.expirer = Expirer(self.kernel, self.log)
        self.notifier = NotifierProcess(self.kernel, self.log, self.screens)
        self.operator = Operator(self.kernel, self.log, [*self.apis, self.expirer])
        self.kept_results: list[tuple[str, str]] = []
        self.waiting: Counter[str] = Counter()
        self.acknowledged: list[tuple[UUID, int]] = []
        self.wallets = [self._open_wallet() for _ in range(3)]

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
        self.kernel.after(1, self._inject_faults)
        self.kernel.after(1, self._reconnect)
        self.kernel.run(FAULT_SECONDS)
        self.kernel.healed = True
        self.kernel.run(FAULT_SECONDS + DRAIN_SECONDS)
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
            victims: list[ApiProcess | Expirer | NotifierProcess]
            victims = [*self.apis, self.expirer, self.notifier]
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
            amount=PRICE,
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
        def scanned(outcome: Outcome) -> None:
            claim = outcome.subject.claim
            mine = claim is not None and claim.wallet_id == ids.encode("wal", wallet)
            if claim is not None and mine:
                amount = Money(1, "USD") if self.kernel.random.random() < 0.1 else PRICE
                pay = self.ledger.pay(session_id, wallet, claim.id, amount)
                key = f"pay {session_id} {wallet}"
                self.kernel.after(self.kernel.random.random() * 90, partial(self._pay, pay, key))

        self._send(self.ledger.scan(session_id, wallet), "", scanned)

    def _pay(self, command: PaySession, key: str) -> None:
        self._send(command, key)
        if self.kernel.random.random() < 0.3:  # an impatient payer pays twice
            self._send(command, key)

    def _send(
        self,
        command: Command,
        key: str,
        then: Callable[[Outcome], None] | None = None,
        tries: int = RETRIES_MAX,
    ) -> None:
        """Send to one of the API processes; retry under the same key until there is a result."""
        name = key or str(self.kernel.new_id())
        envelope = Envelope(
            command=command,
            command_id=ids.derive("key", name),
            actor="client",
            fingerprint=ids.derive("body", repr(command)).bytes if key else b"",
        )
        self.waiting[name] += 1

        def reply(result: Result | None) -> None:
            self.waiting[name] -= 1
            unsettled = result is None or (isinstance(result, LedgerError) and result.transient)
            if unsettled and tries > 0 and (key or result is not None):
                again = partial(self._send, command, key, then, tries - 1)
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
        for _, key in self.expirer.tasks.rows:
            violations.append(Violation("everything-drains", 0, f"the task of {key} is not done"))
        for name in [name for name, count in self.waiting.items() if count]:
            violations.append(Violation("everything-drains", 0, f"{name} has no result"))
        for screen in self.screens:
            violations += check_notices(screen.received, history(self.log, screen.session_id))
        return violations


def simulate(seed: int) -> Report:
    """Run one seed."""
    return Simulation(seed).run()
