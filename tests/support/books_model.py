"""The model that the books are compared with: sessions, refunds, payouts and balances, in plain numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine, initialize

from application.checks.checker import LogChecker
from application.command import Command, Outcome
from application.event_log import Recorded
from domain import ids
from domain.merchants.fee_plan import FeePlan
from domain.payouts.debits import Credits
from domain.sessions.refund import REFUNDS_MAX
from tests.support.books_fixture import BooksFixture
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


class BooksModel(RuleBasedStateMachine):
    """What should be in the books, and what should become of the next command."""

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
