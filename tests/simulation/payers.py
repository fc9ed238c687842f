"""Payers of a simulation who pay through a processor, and everybody around them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final, Protocol
from uuid import UUID

from application import callbacks
from application.callbacks import PROCESS, to_payload
from application.command import Command, Outcome
from application.commands.accept_late_money import AcceptLateMoney
from application.commands.create_session import CreateSession
from application.commands.receive_settlement import ReceiveSettlement
from application.commands.request_void import RequestVoid
from application.commands.resolve_attempt import ResolveAttempt
from application.commands.resolve_refund import ResolveRefund
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.event_log import fold, history
from application.ports.processor import Notice, Processor
from application.ports.tasks import Changes
from application.processes import _processor_words as words
from application.processes.payments import Payments
from application.processes.process import Process, Task
from application.processes.processor_callbacks import ProcessorCallbacks
from application.processes.processor_refunds import ProcessorRefunds
from application.processes.status_checks import StatusChecks
from application.reader import LedgerClock, Reader
from domain import ids
from domain.money.money import Money
from domain.sessions.attempt import AttemptStatus
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Funding
from tests.simulation.faulty_log import FaultyLog, VirtualLog
from tests.simulation.kernel import Kernel
from tests.simulation.money import Debits
from tests.simulation.processes import ProcessWorker, Screen
from tests.simulation.processor import NAME, PHANTOMS, SimulatedProcessor
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_notes import MemoryNotes, return_address

PRICE: Final = Money(400, "USD")
SESSIONS: Final = 25
ORDERS: Final = 15
ATTEMPTS: Final = 3
WORK_SECONDS: Final = 2.0
SETTLEMENT_SECONDS: Final = 300.0
PERSON_SECONDS: Final = 200.0


class Send(Protocol):
    """Sends a command to the API, again and again until there is a result."""

    def __call__(
        self,
        command: Command | Callable[[], Command],
        key: str,
        then: Callable[[Outcome], None] | None = None,
        *,
        body: str = "",
    ) -> None: ...


class CardPayers:
    """Sessions that are paid through a processor, with its workers, callbacks and settlements."""

    def __init__(
        self,
        kernel: Kernel,
        log: VirtualLog,
        ledger: LedgerFixture,
        debits: Debits,
        send: Send,
        screens: list[Screen],
    ) -> None:
        self._kernel, self._log, self._ledger = kernel, log, ledger
        self._debits, self._send, self._screens = debits, send, screens
        self.processor = SimulatedProcessor(kernel, self._receive)
        self.notes = MemoryNotes()
        self._received: set[str] = set()
        """The notices in the inbox."""
        self._settled: set[str] = set()
        """The references that were settled."""
        self._looked = 0
        self.workers = [
            ProcessWorker(kernel, log, process, seconds=WORK_SECONDS)
            for process in self._processes()
        ]
        self._callbacks = self.workers[2].tasks
        merchant_id = ledger.merchant_id
        ledger.send(SetProcessors(merchant_id=merchant_id, processors=(NAME,)))

    def _processes(self) -> list[Process]:
        processors: dict[str, Processor] = {NAME: self.processor}
        readers = [self._reader() for _ in range(4)]
        return [
            Payments(processors, self.notes, readers[0], return_address),
            StatusChecks(processors, self.notes, readers[1], return_address),
            ProcessorCallbacks(self.notes, readers[2]),
            ProcessorRefunds(processors, readers[3]),
        ]

    def _reader(self) -> Reader:
        log = FaultyLog(self._log, self._kernel)
        reader = Reader(log)
        reader.clock = LedgerClock(log, elapsed=lambda: self._kernel.seconds)
        return reader

    def begin(self, seconds: float, wallets: list[UUID]) -> None:
        """Plan everything.

        Args:
            seconds: within which sessions are created.
            wallets: that pay some of them.
        """
        for number in range(SESSIONS):
            self._within(seconds, partial(self._create, number, wallets))
        for _ in range(self._random.randrange(PHANTOMS + 1)):
            self._within(seconds, partial(self.processor.take_for_nobody, Money(77, "USD")))
        self._kernel.after(SETTLEMENT_SECONDS, self._settle)
        self._kernel.after(PERSON_SECONDS, self._look)

    @property
    def _random(self) -> Random:
        return self._kernel.random

    def _within(self, seconds: float, act: Callable[[], None]) -> None:
        self._kernel.after(self._random.random() * seconds, act)

    # A session, and its payer.

    def _create(self, number: int, wallets: list[UUID]) -> None:
        random = self._random
        command = CreateSession(
            session_id=self._kernel.new_id(),
            merchant_id=self._ledger.merchant_id,
            order_id=f"card {random.randrange(ORDERS)}",
            amount=PRICE,
            expires_in_seconds=random.choice([60, 300, 900]),
        )

        def created(outcome: Outcome) -> None:
            session_id: UUID = outcome.subject.id
            self._screens.append(Screen(session_id))
            held = random.random() < 0.25
            wallet = random.choice(wallets)
            for tries in range(random.choice([1, 1, ATTEMPTS])):
                start = partial(self._scan_and_hold, wallet) if held else self._start
                self._within(60 + 150 * tries, partial(start, session_id))
            if random.random() < 0.2:
                scan = self._ledger.scan(session_id, wallet)
                self._within(100, partial(self._send, scan, "", self._pay(wallet)))
            if random.random() < 0.2:
                cancel = self._ledger.cancel(session_id)
                self._within(200, partial(self._send, cancel, ""))
            if random.random() < 0.5:
                self._within(900, partial(self._refund, session_id))
            merchant_id = self._ledger.merchant_id
            accept = AcceptLateMoney(session_id=session_id, merchant_id=merchant_id)
            for _ in range(random.choice([0, 1, 2])):
                self._within(2000, partial(self._send, accept, ""))

        self._send(command, f"card {number}", created)

    def _start(self, session_id: UUID, **facts: Any) -> None:
        attempt_id = self._kernel.new_id()
        start = StartAttempt(attempt_id=attempt_id, session_id=session_id, processor=NAME, **facts)
        self._send(start, f"attempt {attempt_id}")
        if self._random.random() < 0.3:
            void = RequestVoid(session_id=session_id, attempt_id=attempt_id)
            self._within(200, partial(self._send, void, ""))

    def _scan_and_hold(self, wallet: UUID, session_id: UUID) -> None:
        def scanned(outcome: Outcome) -> None:
            session = outcome.subject
            if session.claim is None or session.claim.wallet_id != ids.encode("wal", wallet):
                return
            self._start(
                session_id,
                funding=Funding.WALLET,
                wallet_id=wallet,
                wallet_app_id=self._ledger.app,
                claim_id=session.claim.id,
                amount=session.amount,
            )

        self._send(self._ledger.scan(session_id, wallet), "", scanned)

    def _pay(self, wallet: UUID) -> Callable[[Outcome], None]:
        def scanned(outcome: Outcome) -> None:
            session = outcome.subject
            if session.claim and session.claim.wallet_id == ids.encode("wal", wallet):
                pay = self._ledger.pay(session.id, wallet, session.claim.id, session.amount)
                self._within(50, partial(self._send, pay, f"pay {session.id} {wallet}"))

        return scanned

    def _refund(self, session_id: UUID) -> None:
        minor = self._random.choice([1, PRICE.minor // 3, PRICE.minor])
        make = partial(self._debits.refund, session_id, Money(minor, PRICE.currency))
        self._send(make, f"refund {session_id}", body=str(minor))

    # The bank, the inbox, and a person.

    def _settle(self) -> None:
        """The processor pays what it has taken to the bank, now and then."""
        self._kernel.after(SETTLEMENT_SECONDS, self._settle)
        new = [
            (reference, money.minor)
            for held in self.processor.charges.values()
            for reference, money in held.taken
            if reference not in self._settled and money.currency == PRICE.currency
        ]
        if not new:
            return
        self._settled |= {reference for reference, _ in new}
        gross, fee = sum(minor for _, minor in new), self._random.randrange(3)
        settlement = ReceiveSettlement(
            processor=NAME,
            reference=f"stl {len(self._settled)}",
            currency=PRICE.currency,
            gross_minor=gross,
            fee_minor=fee,
            received_minor=gross - fee,
        )
        self._send(settlement, settlement.reference)

    def _receive(self, notice: Notice) -> bool:
        """Store a callback with its task, as PostgreSQL does."""
        if self._kernel.occurs("error before commit"):
            return False
        if notice.id not in self._received:
            self._received.add(notice.id)
            payload = {**to_payload(notice), "processor": NAME}
            due_at = min(self._log.server_now() + self._log.offset, notice.at)
            task = Task(key=f"{NAME} {notice.id}", due_at=due_at, payload=payload)
            self._callbacks.replay(PROCESS, Changes((), (task,)))
        return not self._kernel.occurs("response lost")

    def _look(self) -> None:
        """A person finds out how some of the attempts ended that are flagged `unresolved`."""
        self._kernel.after(PERSON_SECONDS, self._look)
        events, self._looked = self._log.events[self._looked :], len(self._log.events)
        for recorded in events:
            if recorded.topic != PaymentSession.Flagged.TOPIC:
                continue
            event: Any = recorded.event
            if event.flag == "unresolved" and self._random.random() < 0.6:
                of_refund = event.subject_id.startswith("ref_")
                resolve = self._resolve_refund if of_refund else self._resolve
                resolve(recorded.stream_id, event.subject_id)

    def _resolve_refund(self, session_id: UUID, refund: str) -> None:
        """A person is told only what the processor itself knows."""
        refund_id = ids.decode("ref", refund)
        given = self.processor.refunds.get(callbacks.make_key(session_id, "ref", refund_id))
        if given is None or given.state not in {"refunded", "declined"}:
            return
        resolve = ResolveRefund(
            session_id=session_id,
            refund_id=refund_id,
            succeeded=given.state == "refunded",
            by="operations",
            reason="asked by telephone",
        )
        self._send(resolve, f"resolve {refund}")

    def _resolve(self, session_id: UUID, attempt: str) -> None:
        session: PaymentSession = fold(history(self._log, session_id))
        held = self.processor.find_out(
            words.charge_of(session, session.attempts[attempt], return_address)
        )
        by_wallet = not held.charge.capture
        money = held.authorised if by_wallet else None
        outcome, reference = AttemptStatus.VOIDED, held.reference
        if held.taken:
            reference, money = held.taken[0]
        if money is not None:
            outcome = AttemptStatus.CAPTURED
        elif held.state == "declined":
            outcome = AttemptStatus.DECLINED
        resolve = ResolveAttempt(
            session_id=session_id,
            attempt_id=ids.decode("att", attempt),
            outcome=outcome,
            by="operations",
            reason="asked by telephone",
            reference=reference,
            money=money,
        )
        self._send(resolve, f"resolve {attempt}")
