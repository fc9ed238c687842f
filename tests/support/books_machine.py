"""A state machine test of the books: money must move as in a simple model, and nowhere else."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from application.checks.checker import LogChecker, check_log
from application.command import Command, Outcome
from application.commands.refund_session import RefundSession
from application.event_log import Recorded
from domain import ids
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.money.fx import cross_rate
from domain.money.money import Money
from domain.payouts.debits import Credits
from domain.sessions.refund import REFUNDS_MAX
from domain.wallets.fx_quotes import QUOTE_SECONDS
from tests.support.books_fixture import PER_EURO, BooksFixture, everything
from tests.support.ledger_fixture import LedgerFixture
from tests.support.machine import Ledger

CURRENCIES = ["JPY", "USD", "KWD", "CLF"]
"""Of 0, 2, 3 and 4 decimals."""
FUNDS = 20_000
SPREAD_BASIS_POINTS = 125
KEPT_CODES = {
    "refund-exceeds-paid", "payable-insufficient", "insufficient-funds", "quote-expired",
    "wallet-currency-mismatch",
}  # fmt: skip
"""Refusals that an idempotency key keeps for ever."""

PARTS = st.sampled_from(["third", "third", "most", "one", "rest", "more"])
LAGS = st.sampled_from([0, 0, 0, 1, 5, 10**6])
"""How many positions the read model is behind; 0 is proven to be current."""
PICKS = st.integers(0, 3)


@dataclass
class ModelRefund:
    """A refund in the model."""

    id: str
    amount: int
    shares: tuple[int, int, int]
    """To the payer, of the spread, of the fee."""
    status: str

    @property
    def debit(self) -> int:
        return self.amount - self.shares[2]


@dataclass
class ModelSession:
    """A session in the model."""

    id: UUID
    wallet: int
    currency: str
    amount: int
    fee: int
    fee_kept: bool
    claim: str = ""
    claimed_until: float = 0
    quotes: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    """What the payer pays, the spread in it, and when the quote ends."""
    paid: tuple[int, int] | None = None
    """What the payer paid, and the spread in it."""
    refunds: list[ModelRefund] = field(default_factory=list)

    def left(self) -> int:
        return self.amount - sum(refund.amount for refund in self.counted())

    def counted(self) -> list[ModelRefund]:
        return [refund for refund in self.refunds if refund.status != "failed"]


@dataclass
class ModelPayout:
    """A payout in the model."""

    id: UUID
    currency: str
    amount: int
    status: str = "requested"
    funded: bool = False


class BooksMachine(RuleBasedStateMachine):
    """One merchant, a wallet in each currency, and every way in which money moves."""

    @abstractmethod
    def make_ledger(self) -> Ledger:
        """A log and its clock."""

    @initialize()
    def begin(self) -> None:
        self.ledger = self.make_ledger()
        self.checker, self.checked = LogChecker(), 0
        self.start = self.ledger.log.head()
        self.fixture = LedgerFixture(self.ledger.log)
        self.books = BooksFixture(self.fixture, spread_basis_points=SPREAD_BASIS_POINTS)
        self.wallets = [self.fixture.open_wallet(FUNDS, currency) for currency in CURRENCIES]
        for currency in CURRENCIES:
            self.fixture.send(self.books.set_payouts(currency))
        self.time = 0.0
        self.balances: Counter[tuple[str, str]] = Counter()
        for number, currency in enumerate(CURRENCIES):
            self.move(currency, bank=FUNDS)
            self.balances[self.purse(number), currency] = FUNDS
        self.earned: list[tuple[int, str, int]] = []
        """Position, currency and net amount of every payment."""
        self.debited: Counter[str] = Counter()
        self.plans: dict[str, FeePlan] = {}
        self.sessions: list[ModelSession] = []
        self.payouts: list[ModelPayout] = []
        self.keys = 0
        self.keyed: list[tuple[str, Command, str, int]] = []
        """Key, command, result and position of every command that was sent under a key."""

    # Steps.

    @rule(seconds=st.sampled_from([1, QUOTE_SECONDS - 1, QUOTE_SECONDS]))
    def time_passes(self, seconds: int) -> None:
        self.ledger.advance(seconds)
        self.time += seconds

    @rule(
        currency=st.sampled_from(CURRENCIES),
        basis_points=st.sampled_from([0, 1, 75, 290, 10_000]),
        fixed=st.sampled_from([0, 1, 30]),
        policy=st.sampled_from(FeeRefundPolicy),
    )
    def change_plan(
        self, currency: str, basis_points: int, fixed: int, policy: FeeRefundPolicy
    ) -> None:
        plan = self.plans[currency] = FeePlan(basis_points, fixed, policy)
        self.fixture.send(self.books.set_plan(currency, plan))

    @rule(
        wallet=st.integers(0, 3),
        currency=st.sampled_from(CURRENCIES),
        minor=st.sampled_from([3000, 100, 999, 7, 3, 2, 1]),
        pays=st.sampled_from([True, True, True, False]),
    )
    def create(self, wallet: int, currency: str, minor: int, pays: bool) -> None:
        plan = self.plans.get(currency, FeePlan())
        share = Fraction(minor * plan.basis_points, 10_000)
        fee = min(minor, int(share + Fraction(1, 2)) + plan.fixed_minor)
        session_id = self.fixture.create_session(amount=Money(minor, currency))
        kept = plan.refund_policy is FeeRefundPolicy.KEPT
        session = ModelSession(session_id, wallet, currency, minor, fee, kept)
        session.claim = self.fixture.claim_session(session_id, self.wallets[wallet])
        self.sessions.append(session)
        if pays:
            if CURRENCIES[wallet] != currency:
                self.quote(0)
            self.pay(0, 0, "")

    @rule(pick=PICKS)
    def quote(self, pick: int) -> None:
        session = self.pick(pick)
        if session is None or session.paid or CURRENCIES[session.wallet] == session.currency:
            return
        payer = CURRENCIES[session.wallet]
        rate = Fraction(cross_rate(PER_EURO[payer], PER_EURO[session.currency]))
        scale = Fraction(10) ** (Money(0, payer).exponent - Money(0, session.currency).exponent)
        converted = ceil(session.amount * scale / rate)
        spread = ceil(Fraction(converted * SPREAD_BASIS_POINTS, 10_000))
        code = "quotes-exhausted" if len(session.quotes) == 10 else "ok"
        command = self.books.quote(session.id, self.wallets[session.wallet])
        self.expect(command, code)
        if code == "ok":
            quote_id = ids.encode("quo", command.quote_id)
            session.quotes[quote_id] = (converted + spread, spread, self.time + QUOTE_SECONDS)

    @rule(pick=PICKS, older=st.integers(0, 2), key=st.sampled_from(["", "pay"]))
    def pay(self, pick: int, older: int, key: str) -> None:
        session = self.pick(pick)
        if session is None:
            return
        quote_ids = list(session.quotes)[::-1]
        quote_id = quote_ids[min(older, len(quote_ids) - 1)] if quote_ids else None
        code, pays, spread = self.expected_payment(session, quote_id)
        command = self.books.pay(
            session.id, self.wallets[session.wallet], session.claim,
            Money(session.amount, session.currency), quote_id,
        )  # fmt: skip
        outcome = self.expect(command, code, key=key)
        if outcome is None or session.paid:
            return
        session.paid = (pays, spread)
        payer, net = CURRENCIES[session.wallet], session.amount - session.fee
        self.earned.append((outcome.position, session.currency, net))
        self.move(payer, wallet=(session.wallet, -pays), fx_spread=spread)
        self.move(session.currency, payable=net, fees=session.fee)
        if payer != session.currency:
            self.move(payer, clearing=spread - pays)
            self.move(session.currency, clearing=session.amount)

    @rule(pick=PICKS, part=PARTS, lag=LAGS, key=st.sampled_from(["", "refund"]))
    def refund(self, pick: int, part: str, lag: int, key: str) -> None:
        session = self.pick(pick, paid=True)
        if session is None:
            return
        amount, shares, code = self.plan(session, part)
        if code == "ok":
            code = self.expected_debit(session.currency, amount - shares[2], lag)
        command = self.books.refund(
            session.id, Money(amount, session.currency), credits=self.credits(session.currency, lag)
        )
        if lag == 0:
            command = self.current(command)
        if self.expect(command, code, key=key) is None:
            return
        refund_id = ids.encode("ref", command.refund_id)
        refund = ModelRefund(refund_id, amount, shares, "succeeded")
        session.refunds.append(refund)
        self.debited[session.currency] += refund.debit
        self.move(session.currency, payable=-refund.debit)
        self.give_back(session, refund)

    @rule(pick=PICKS, part=PARTS)
    def begin_refund(self, pick: int, part: str) -> None:
        session = self.pick(pick, paid=True)
        if session is None:
            return
        amount, shares, code = self.plan(session, part)
        if code == "ok":
            code = self.expected_debit(session.currency, amount - shares[2], 0)
        outcome = self.expect(
            self.books.begin_refund(session.id, Money(amount, session.currency)), code
        )
        if outcome is not None:
            refund_id = list(outcome.subject.refunds)[-1]
            refund = ModelRefund(refund_id, amount, shares, "pending")
            session.refunds.append(refund)
            self.debited[session.currency] += refund.debit
            self.move(session.currency, payable=-refund.debit, reserved=refund.debit)

    @rule(pick=PICKS, succeeds=st.booleans())
    def end_refund(self, pick: int, succeeds: bool) -> None:
        pending = [
            (session, refund)
            for session in self.sessions
            for refund in session.refunds
            if refund.status == "pending"
        ]
        if not pending:
            return
        session, refund = pending[pick % len(pending)]
        self.expect(self.books.end_refund(session.id, refund.id, succeeds=succeeds), "ok")
        refund.status = "succeeded" if succeeds else "failed"
        self.move(session.currency, reserved=-refund.debit)
        if succeeds:
            self.give_back(session, refund)
        else:
            self.debited[session.currency] -= refund.debit
            self.move(session.currency, payable=refund.debit)

    @rule(
        pick=st.sampled_from([0, 0, 0, 1, 2, 3]), part=PARTS, lag=LAGS,
        key=st.sampled_from(["", "payout"]),
    )  # fmt: skip
    def request_payout(self, pick: int, part: str, lag: int, key: str) -> None:
        left = {code: self.credits(code, 0).minor - self.debited[code] for code in CURRENCIES}
        currency = sorted(CURRENCIES, key=lambda code: -left[code])[pick]
        available = left[currency]
        if available <= 0 and part != "more":
            return
        amount = max(1, self.part(available, part))
        code = self.expected_debit(currency, amount, lag)
        command = self.books.payout(Money(amount, currency), credits=self.credits(currency, lag))
        if lag == 0:
            command = self.current(command)
        if self.expect(command, code, key=key) is not None:
            self.payouts.append(ModelPayout(command.payout_id, currency, amount))
            self.debited[currency] += amount
            self.move(currency, payable=-amount, in_transit=amount)

    @rule(
        pick=PICKS,
        step=st.sampled_from(["fund", "fund", "send", "send", "settle", "settle", "return"]),
    )
    def step_payout(self, pick: int, step: str) -> None:
        if not self.payouts:
            return
        payout = self.payouts[-1 - pick % len(self.payouts)]
        currency, amount = payout.currency, payout.amount
        self.expect(
            self.books.step_payout(payout.id, currency, step), self.expected_step(payout, step)
        )
        free = self.free(currency)
        if step == "fund" and payout.status == "requested" and amount <= free:
            payout.funded = True
        elif step == "send" and payout.status == "requested" and payout.funded:
            payout.status = "sent"
        elif step == "settle" and payout.status == "sent":
            payout.status = "settled"
            self.move(currency, in_transit=-amount, bank=-amount)
        elif step == "return" and payout.status != "returned":
            if payout.status == "settled":
                self.move(currency, bank=amount)
            else:
                self.move(currency, in_transit=-amount)
            self.move(currency, payable=amount)
            self.debited[currency] -= amount
            payout.status = "returned"

    @rule(pick=st.integers(0, 20))
    def repeat(self, pick: int) -> None:
        """A command that was sent under a key has the same result again, and no effect."""
        if not self.keyed:
            return
        key, command, expected, position = self.keyed[pick % len(self.keyed)]
        head = self.ledger.log.head()

        result = self.fixture.try_send(command, key)

        assert (result if isinstance(result, str) else "ok") == expected
        if isinstance(result, Outcome):
            assert result.replayed
            assert result.position == position
            if isinstance(command, RefundSession):
                assert ids.encode("ref", command.refund_id) in result.subject.refunds
        assert self.ledger.log.head() == head

    # Invariants.

    @invariant()
    def the_books_are_those_of_the_model(self) -> None:
        for recorded in self.new_events():
            self.checker.observe(recorded)
        assert self.checker.violations == []
        ours = {
            key: minor for key, minor in self.checker.books.balances.items() if self.is_ours(key)
        }
        theirs = {key: minor for key, minor in self.balances.items() if self.is_ours(key)}
        assert {**dict.fromkeys(theirs, 0), **ours} == {**dict.fromkeys(ours, 0), **theirs}

    def teardown(self) -> None:
        assert check_log(everything(self.ledger.log))[1] == []

    # The model.

    def new_events(self) -> list[Recorded]:
        events: list[Recorded] = []
        while page := self.ledger.log.read(self.checked, 500):
            events += page
            self.checked = page[-1].position
        return events

    def is_ours(self, key: tuple[str, str]) -> bool:
        """Whether an account belongs to this example; the others share a log on PostgreSQL."""
        account = key[0]
        mine = {self.fixture.merchant, *(ids.encode("wal", wallet) for wallet in self.wallets)}
        owner = account.split(":")[1] if account.count(":") == 2 else ""
        return owner in mine or (not owner and self.start == 0)

    def purse(self, wallet: int) -> str:
        return f"wallet:{ids.encode('wal', self.wallets[wallet])}:available"

    def move(self, currency: str, *, wallet: tuple[int, int] | None = None, **changes: int) -> None:
        """Change balances: of a wallet, of the merchant, and of the house."""
        merchant = f"merchant:{self.fixture.merchant}"
        names = {
            "bank": "bank:safeguarded", "clearing": "fx:clearing", "fees": "fees",
            "fx_spread": "fx_spread",
        }  # fmt: skip
        for name, minor in changes.items():
            self.balances[names.get(name, f"{merchant}:{name}"), currency] += minor
        if wallet is not None:
            number, minor = wallet
            self.balances[self.purse(number), CURRENCIES[number]] += minor

    def give_back(self, session: ModelSession, refund: ModelRefund) -> None:
        credited, spread, fee = refund.shares
        payer = CURRENCIES[session.wallet]
        self.move(payer, wallet=(session.wallet, credited), fx_spread=-spread)
        self.move(session.currency, fees=-fee)
        if payer != session.currency:
            self.move(payer, clearing=credited - spread)
            self.move(session.currency, clearing=-refund.amount)

    def pick(self, number: int, *, paid: bool = False) -> ModelSession | None:
        found = [session for session in self.sessions if session.paid or not paid]
        if paid and number:  # rather one of which something is left
            found = [one for one in found if one.left()] or found
        return found[-1 - number % len(found)] if found else None

    def part(self, left: int, part: str) -> int:
        parts = {"one": 1, "third": left // 3, "most": left - 1, "rest": left, "more": left + 1}
        return parts[part]

    def plan(self, session: ModelSession, part: str) -> tuple[int, tuple[int, int, int], str]:
        """Amount, shares and result of a refund, but for the merchant's funds."""
        assert session.paid is not None
        counted = session.counted()
        before = session.amount - session.left()
        amount = max(1, self.part(session.left(), part))
        if before + amount > session.amount:
            return amount, (0, 0, 0), "refund-exceeds-paid"
        if len(session.refunds) >= REFUNDS_MAX:
            return amount, (0, 0, 0), "refunds-exhausted"
        totals = (*session.paid, 0 if session.fee_kept else session.fee)
        due = Fraction(before + amount, session.amount)
        credited, spread, fee = (
            max(0, int(total * due) - sum(refund.shares[n] for refund in counted))
            for n, total in enumerate(totals)
        )
        return amount, (credited, spread, fee), "ok"

    def credits(self, currency: str, lag: int) -> Credits:
        """What a read model has counted that is so many positions behind."""
        position = max(0, self.ledger.log.head() - lag)
        earned = sum(net for at, code, net in self.earned if code == currency and at <= position)
        return Credits(earned, position)

    @staticmethod
    def current(command: Any) -> Any:
        object.__setattr__(command, "credits_are_current", True)
        return command

    def expected_debit(self, currency: str, minor: int, lag: int) -> str:
        if minor <= max(0, self.credits(currency, lag).minor - self.debited[currency]):
            return "ok"
        return "credits-not-counted" if lag else "payable-insufficient"

    def expected_payment(self, session: ModelSession, quote_id: str | None) -> tuple[str, int, int]:
        if session.paid:
            return "ok", 0, 0
        pays, spread = session.amount, 0
        if quote_id is not None:
            pays, spread, until = session.quotes[quote_id]
            if self.time >= until:
                return "quote-expired", 0, 0
        elif CURRENCIES[session.wallet] != session.currency:
            return "wallet-currency-mismatch", 0, 0
        balance = self.balances[self.purse(session.wallet), CURRENCIES[session.wallet]]
        return ("ok" if pays <= balance else "insufficient-funds"), pays, spread

    def free(self, currency: str) -> int:
        """What is at the bank and not set aside for payouts on their way."""
        on_their_way = sum(
            one.amount
            for one in self.payouts
            if one.currency == currency and one.funded and one.status in {"requested", "sent"}
        )
        return self.balances["bank:safeguarded", currency] - on_their_way

    def expected_step(self, payout: ModelPayout, step: str) -> str:
        waits = step == "fund" and payout.status == "requested" and not payout.funded
        short = waits and payout.amount > self.free(payout.currency)
        return "payout-not-funded" if short else "ok"

    def expect(self, command: Command, expected: str, *, key: str = "") -> Outcome | None:
        """Send a command, under a new key if `key` is its name."""
        self.keys += 1
        key = f"{self.fixture.merchant} {key} {self.keys}" if key else ""
        result = self.fixture.try_send(command, key)
        assert (result if isinstance(result, str) else "ok") == expected
        if key and (expected == "ok" or expected in KEPT_CODES):
            position = result.position if isinstance(result, Outcome) else 0
            self.keyed.append((key, command, expected, position))
        return result if isinstance(result, Outcome) else None
