"""Random words of processors, in any order and any number, against a model (Hypothesis)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from application.bus import Bus
from application.checks.checker import check_log
from application.command import Command, Envelope
from application.commands.accept_late_money import AcceptLateMoney
from application.commands.close_dispute import CloseDispute
from application.commands.expire_session import ExpireSession
from application.commands.fail_refund import FailRefund
from application.commands.flag_session import FlagSession
from application.commands.mark_attempt_unknown import MarkAttemptUnknown
from application.commands.open_dispute import OpenDispute
from application.commands.receive_settlement import ReceiveSettlement
from application.commands.receive_suspense import ReceiveSuspense
from application.commands.refund_session import RefundSession
from application.commands.request_suspense_return import RequestSuspenseReturn
from application.commands.request_void import RequestVoid
from application.commands.resolve_attempt import ResolveAttempt
from application.commands.return_suspense import ReturnSuspense
from application.commands.succeed_refund import SucceedRefund
from application.event_log import fold, history
from domain.money.money import Money
from domain.payouts.debits import Credits
from domain.processors.suspense import Suspense
from domain.sessions.attempt import ATTEMPTS_MAX, AttemptStatus
from domain.sessions.state import Funding, Status
from tests.support.attempts import (
    ACCEPT,
    ATTEMPT_IDS,
    CAPTURE,
    DECLINE,
    ENABLE,
    START,
    START_HELD,
    VOID,
)
from tests.support.given import (
    CANCEL,
    CREATE,
    HOLDERS,
    MERCHANT_ID,
    OPEN,
    PAY,
    SCAN,
    SESSION_ID,
    TOP_UP,
    WALLET,
)
from tests.support.memory_log import MemoryLog

EVENTS_MAX = 220
"""Of the session's stream, whatever is said."""
ATTEMPTS = st.sampled_from(ATTEMPT_IDS)
REFERENCES = st.sampled_from(["r1", "r2", "r3"])
MONEY = st.sampled_from(
    [
        Money(1000, "USD"),
        Money(1000, "USD"),
        Money(999, "USD"),
        Money(1300, "USD"),
        Money(1000, "JPY"),
    ]
)
REFUND_IDS = st.sampled_from([UUID(int=number) for number in range(3)])


def _word(command: Any, **fields: Any) -> st.SearchStrategy[Command]:
    return st.builds(lambda **kw: replace(command, **kw), attempt_id=ATTEMPTS, **fields)


def _suspense(kind: type[Any]) -> st.SearchStrategy[Command]:
    return REFERENCES.map(lambda ref: kind(suspense_id=Suspense.stream_id("sandbox", ref)))


def _refund(refund_id: UUID, minor: int) -> Command:
    return RefundSession(
        refund_id=refund_id,
        session_id=SESSION_ID,
        merchant_id=MERCHANT_ID,
        amount=Money(minor, "USD"),
        credits=Credits(1000, 0),
        credits_are_current=True,
    )


def _resolve(attempt_id: UUID, outcome: AttemptStatus) -> Command:
    facts = {"by": "ops", "reason": "asked", "outcome": outcome}
    return ResolveAttempt(session_id=SESSION_ID, attempt_id=attempt_id, **facts)  # type: ignore[arg-type]


SECONDS = st.sampled_from([1.0, 100.0, 900.0, 86_400.0])
STEPS = st.lists(
    st.one_of(
        _word(START),
        _word(START),
        _word(START_HELD),
        _word(ACCEPT, reference=REFERENCES),
        _word(CAPTURE, reference=REFERENCES, money=MONEY),
        _word(CAPTURE, reference=REFERENCES, money=MONEY),
        _word(DECLINE),
        _word(VOID),
        _word(MarkAttemptUnknown(session_id=SESSION_ID, attempt_id=ATTEMPT_IDS[0])),
        _word(RequestVoid(session_id=SESSION_ID, attempt_id=ATTEMPT_IDS[0])),
        _word(FlagSession(session_id=SESSION_ID, attempt_id=ATTEMPT_IDS[0])),
        st.builds(_resolve, ATTEMPTS, st.sampled_from(AttemptStatus)),
        st.builds(_refund, REFUND_IDS, st.sampled_from([300, 1000])),
        REFUND_IDS.map(lambda one: SucceedRefund(session_id=SESSION_ID, refund_id=one)),
        REFUND_IDS.map(lambda one: FailRefund(session_id=SESSION_ID, refund_id=one)),
        st.builds(
            OpenDispute, session_id=st.just(SESSION_ID), reference=REFERENCES, money=MONEY
        ),
        st.builds(
            CloseDispute,
            session_id=st.just(SESSION_ID), reference=REFERENCES, money=MONEY, won=st.booleans(),
        ),
        _suspense(RequestSuspenseReturn),
        _suspense(ReturnSuspense),
        REFERENCES.map(lambda ref: ReceiveSuspense(processor="sandbox", reference=ref, money=CREATE.amount)),
        st.sampled_from([
            SCAN, PAY, CANCEL, ExpireSession(session_id=SESSION_ID),
            AcceptLateMoney(session_id=SESSION_ID, merchant_id=MERCHANT_ID),
            replace(CREATE, session_id=UUID(int=99)),
            ReceiveSettlement(
                processor="sandbox", reference="s", currency="USD", gross_minor=900, fee_minor=20,
                received_minor=870,
            ),
        ]),
        SECONDS,
    ),
    max_size=40,
)  # fmt: skip


class Run:
    """A ledger in memory to which anything may be said."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.bus = Bus(self.log)
        self._commands = self._refunds = 0
        for command in (*HOLDERS, ENABLE, OPEN, TOP_UP, CREATE):
            self.send(command)

    def send(self, command: Command) -> None:
        self._commands += 1
        if isinstance(command, RefundSession):
            paid = [one for one in self.log.events if one.topic == "payment_session.paid"]
            earned = Credits(sum(one.event.amount_minor for one in paid), self.log.head())  # type: ignore[attr-defined]
            command = replace(command, credits=earned, refund_id=UUID(int=self._refunds))
            self._refunds += 1
        envelope = Envelope(command=command, command_id=UUID(int=self._commands), actor="test")
        self.bus.send_all([envelope])

    def play(self, steps: list[Command | float]) -> None:
        for step in steps:
            if isinstance(step, float):
                self.log.advance(step)
            else:
                self.send(step)

    @property
    def session(self) -> Any:
        return fold(history(self.log, SESSION_ID))


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_whatever_is_said_the_books_balance_and_one_payment_counts(
    steps: list[Command | float],
) -> None:
    run = Run()

    run.play(steps)

    checker, violations = check_log(run.log.events)
    assert violations == []
    session = run.session
    topics = Counter(one.topic for one in run.log.events if one.stream_id == SESSION_ID)
    assert topics["payment_session.paid"] <= 1
    assert len(session.attempts) <= ATTEMPTS_MAX
    assert sum(one.active for one in session.attempts.values()) <= 1
    assert (session.status is Status.PROCESSING) is (session.current_attempt is not None)
    assert session.version < EVENTS_MAX
    held = checker.books.balances.get((f"wallet:{WALLET}:held", "USD"), 0)
    funded = session.current_attempt and session.current_attempt.funding is Funding.WALLET
    assert held == (1000 if funded else 0)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_everything_said_again_at_once_changes_nothing(steps: list[Command | float]) -> None:
    run = Run()

    for step in steps:
        run.play([step])
        if isinstance(step, float) or _may_count_twice(step):
            continue
        head = run.log.head()
        run.play([step])
        assert run.log.head() == head, step


def _may_count_twice(step: Command) -> bool:
    """Commands of people and payers, who may mean it twice: they carry idempotency keys."""
    return isinstance(step, RefundSession)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_the_same_words_in_any_order_credit_the_merchant_once(data: st.DataObject) -> None:
    words: list[Command] = [
        ACCEPT,
        CAPTURE,
        CAPTURE,
        DECLINE,
        MarkAttemptUnknown(session_id=SESSION_ID, attempt_id=ATTEMPT_IDS[0]),
    ]
    order = data.draw(st.permutations(words))
    run = Run()
    run.send(START)

    run.play(list(order))

    checker, violations = check_log(run.log.events)
    assert violations == []
    first = next(word for word in order if word in (CAPTURE, DECLINE))
    balances = checker.books.balances
    assert balances["processor:sandbox:receivable", "USD"] == 1000
    assert balances.get(("suspense", "USD"), 0) == (1000 if first is DECLINE else 0)
    assert ("late" in run.session.flags) is (first is DECLINE)
