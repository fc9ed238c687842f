"""A state machine test: the ledger must do what a simple model of it does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from application.command import Command, Outcome
from application.commands.top_up_wallet import TopUpWallet
from application.event_log import EventLog
from domain.money.money import Money
from tests.support.ledger_fixture import LEASE_SECONDS, LedgerFixture
from tests.support.static_codes import CodesFixture

LIFETIME = 900
PRICE = 400
OTHER_PRICE = 150


class Ledger(ABC):
    """A log and control of its clock."""

    log: EventLog

    @abstractmethod
    def advance(self, seconds: float) -> None:
        """Move the ledger's clock forward."""


@dataclass
class ModelSession:
    """A session in the model."""

    id: UUID
    order: str
    ends: float
    status: str = "open"
    holder: int | None = None
    lease: float = 0
    claim: str = ""
    payer: int | None = None
    claims: list[int] = field(default_factory=lambda: [0, 0])
    price: int = PRICE


class LedgerMachine(RuleBasedStateMachine):
    """Two wallets of one app, orders A to C, and a clock that only moves forward."""

    def make_ledger(self) -> Ledger:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.ledger = self.make_ledger()
        self.fixture = LedgerFixture(self.ledger.log)
        self.wallets = [self.fixture.open_wallet(0), self.fixture.open_wallet(0)]
        self.balance = [0, 0]
        self.sessions: list[ModelSession] = []
        self.time = 0.0
        self.head = self.ledger.log.head()
        self.top_ups = 0
        self.kept_results: dict[str, Any] = {}
        self.codes = CodesFixture(self.fixture)
        self.code = self.codes.issue()
        self.head = self.ledger.log.head()
        self.is_revoked = False
        self.latest: dict[int, ModelSession] = {}
        """The latest session of each wallet by the code."""

    # Steps.

    @rule(seconds=st.sampled_from([1, LEASE_SECONDS - 1, LEASE_SECONDS, LIFETIME - 1, LIFETIME]))
    def time_passes(self, seconds: int) -> None:
        self.ledger.advance(seconds)
        self.time += seconds

    @rule(wallet=st.integers(0, 1), minor=st.integers(1, 1000))
    def top_up(self, wallet: int, minor: int) -> None:
        self.top_ups += 1
        command = TopUpWallet(
            wallet_id=self.wallets[wallet],
            amount=Money(minor, "USD"),
            reference=str(self.top_ups),
        )
        self.expect(command, "ok", events=2)
        self.balance[wallet] += minor

    @rule(order=st.sampled_from("ABC"))
    def create(self, order: str) -> None:
        command = self.fixture.create(order, amount=Money(PRICE, "USD"))
        last = next((old for old in reversed(self.sessions) if old.order == order), None)
        expected, events = "ok", 2
        if last is not None and last.status == "paid":
            expected = "order-paid"
        elif last is not None and last.status == "open":
            if self.time < last.ends:
                expected = "order-open"
            else:
                last.status, events = "expired", 4
        self.expect(command, expected, events=events)
        if expected == "ok":
            self.sessions.append(ModelSession(command.session_id, order, self.time + LIFETIME))

    @rule(wallet=st.integers(0, 1), pick=st.integers(0, 5))
    def scan(self, wallet: int, pick: int) -> None:
        session = self.pick(pick)
        if session is None:
            return
        expected, events = self.expected_scan(session, wallet)
        outcome = self.expect(
            self.fixture.scan(session.id, self.wallets[wallet]), expected, events=events
        )
        self.note_claim(session, wallet, outcome if events else None)

    @rule(wallet=st.integers(0, 1), minor=st.sampled_from([PRICE, PRICE, OTHER_PRICE, 99, 5001]))
    def scan_static(self, wallet: int, minor: int) -> None:
        """A wallet has one session by the code: claimed again, or replaced by a new one."""
        command = self.codes.scan(self.code, self.wallets[wallet], minor)
        if self.is_revoked or not 100 <= minor <= 5000:
            refusal = "invalid-qr" if self.is_revoked else "amount-outside-limits"
            self.expect(command, refusal, events=0)
            return
        last, events = self.latest.get(wallet), 4
        if last is not None and last.status == "open":
            if self.time < last.ends and last.price == minor:
                expected, events = self.expected_scan(last, wallet)
                if expected != "claims-exhausted":
                    outcome = self.expect(command, expected, events=events)
                    self.note_claim(last, wallet, outcome if events else None)
                    return
                events = 4
            last.status = "expired" if self.time >= last.ends else "cancelled"
            events += 2
        outcome = self.expect(command, "ok", events=events)
        session = ModelSession(command.session_id, "static", self.time + LIFETIME, price=minor)
        self.sessions.append(session)
        self.latest[wallet] = session
        self.note_claim(session, wallet, outcome)

    @rule(pick=st.integers(0, 9))
    def revoke(self, pick: int) -> None:
        if pick:
            return
        self.expect(self.codes.revoke(self.code), "ok", events=0 if self.is_revoked else 1)
        self.is_revoked = True

    def note_claim(self, session: ModelSession, wallet: int, outcome: Outcome | None) -> None:
        """A new claim, if there is an outcome."""
        if outcome is not None:
            session.holder, session.claim = wallet, outcome.subject.claim.id
            session.lease = self.time + LEASE_SECONDS
            session.claims[wallet] += 1

    @rule(
        wallet=st.integers(0, 1),
        pick=st.integers(0, 5),
        amount=st.sampled_from([PRICE, PRICE, PRICE, OTHER_PRICE]),
        key=st.sampled_from(["", "", "k1", "k2"]),
    )
    def pay(self, wallet: int, pick: int, amount: int, key: str) -> None:
        session = self.pick(pick)
        if session is None:
            return
        expected, events = self.expected_payment(session, wallet, amount)
        scope = f"{wallet} {session.id} {amount} {key}"
        if key and scope in self.kept_results:
            expected, events = self.kept_results[scope], 0
        elif key and expected in {"ok", "insufficient-funds", "amount-mismatch", "session-expired"}:
            self.kept_results[scope] = expected
        command = self.fixture.pay(
            session.id, self.wallets[wallet], session.claim or "clm_none", Money(amount, "USD")
        )
        self.expect(command, expected, events=events, key=scope if key else "")
        if events:
            session.status, session.payer = "paid", wallet
            self.balance[wallet] -= session.price

    @rule(pick=st.integers(0, 5))
    def cancel(self, pick: int) -> None:
        session = self.pick(pick)
        if session is None:
            return
        open_now = session.status == "open" and self.time < session.ends
        expected = "ok" if open_now else "session-not-payable"
        self.expect(self.fixture.cancel(session.id), expected, events=2)
        if open_now:
            session.status = "cancelled"

    @rule(pick=st.integers(0, 5))
    def expire(self, pick: int) -> None:
        session = self.pick(pick)
        if session is None:
            return
        is_open, due = session.status == "open", self.time >= session.ends
        expected = "session-not-due" if is_open and not due else "ok"
        due = due and is_open
        self.expect(self.fixture.expire(session.id), expected, events=2 if due else 0)
        if due:
            session.status = "expired"

    # Invariants.

    @invariant()
    def money_is_conserved(self) -> None:
        for wallet_id, balance in zip(self.wallets, self.balance, strict=True):
            assert self.fixture.wallet(wallet_id).available_minor == balance

    @invariant()
    def sessions_have_the_status_of_the_model(self) -> None:
        for session in self.sessions[-6:]:
            actual = self.fixture.session(session.id)
            expected = {"open": {"created", "scanned"}}.get(session.status, {session.status})
            assert actual.status.value in expected
            assert (actual.payment is not None) == (session.payer is not None)

    @invariant()
    def positions_are_gapless(self) -> None:
        assert self.ledger.log.head() == self.head

    # The model.

    def pick(self, number: int) -> ModelSession | None:
        return self.sessions[-1 - number % len(self.sessions)] if self.sessions else None

    def ended_code(self, session: ModelSession) -> str | None:
        if session.status in {"paid", "cancelled"}:
            return "session-not-payable"
        if session.status == "expired" or self.time >= session.ends:
            return "session-expired"
        return None

    def expected_scan(self, session: ModelSession, wallet: int) -> tuple[str, int]:
        if session.payer == wallet:
            return "ok", 0
        if code := self.ended_code(session):
            return code, 0
        if session.holder == wallet:
            return "ok", 0
        if session.holder is not None and self.time < session.lease:
            return "session-claimed", 0
        if session.claims[wallet] >= 3:
            return "claims-exhausted", 0
        return "ok", 1

    def expected_payment(self, session: ModelSession, wallet: int, amount: int) -> tuple[str, int]:
        if session.payer == wallet:
            return "ok", 0
        if code := self.ended_code(session):
            return code, 0
        if session.holder != wallet:
            return "claim-required", 0
        if amount != session.price:
            return "amount-mismatch", 0
        if self.balance[wallet] < session.price:
            return "insufficient-funds", 0
        return "ok", 2

    def expect(
        self, command: Command, expected: str, *, events: int, key: str = ""
    ) -> Outcome | None:
        result = self.fixture.try_send(command, key)
        assert (result if isinstance(result, str) else "ok") == expected
        self.head += events if expected == "ok" else 0
        return result if isinstance(result, Outcome) else None
