"""Mixed histories of money, generated from a seed through the domain's own rules.

Payments with fees and spreads, some of them through processors, refunds in parts under both policies, top-ups, payouts that settle,
are returned, or are returned after settling, and the operator's movements, in six currencies.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from application.event_log import AppendRequest, Event
from domain import ids
from domain.accounting import chart
from domain.aggregate import LedgerAggregate
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.merchants.merchant import Merchant
from domain.money.currencies import CURRENCIES
from domain.money.fx import Conversion, convert
from domain.money.money import Money
from domain.payouts.debits import Credits, DebitKind, MerchantDebits
from domain.payouts.payout import Payout
from domain.sessions.payment_session import PaymentSession
from domain.treasury.treasury import MoveKind, Treasury
from domain.wallets.fx_quotes import FxQuotes, RateSource
from domain.wallets.wallet import Wallet
from domain.wallets.wallet_app import WalletApp
from tests.support.memory_log import MemoryLog
from tests.support.processor_history import through_processor

PER_EUR: Final = {
    "EUR": "1", "USD": "1.0842", "JPY": "163.27", "KWD": "0.33315", "UYW": "0.0165", "BRL": "6.1734"
}  # fmt: skip
"""Six currencies, with 0, 2, 3 and 4 decimals, and units of each per euro."""
MERCHANTS: Final = 6
WALLETS: Final = 60
FUNDS_MINOR: Final = 10**10
FIRST_ID: Final = 0x01890A5D_AC96_774B_8CCE_000000000000


class BookHistory:
    """A log in memory and the aggregates that its events come from."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._number = FIRST_ID
        self.log = MemoryLog(self._new_id)
        self.at = self.log.clock
        self.payments = 0
        self._pending: list[Event] = []
        self._earned: dict[tuple[UUID, str], int] = {}
        self._funds: dict[str, int] = {}
        self._debits: dict[tuple[UUID, str], MerchantDebits] = {}
        self._treasuries: dict[str, Treasury] = {}
        codes = list(PER_EUR)
        self.merchants = [self._register(number) for number in range(MERCHANTS)]
        app = WalletApp.register(wallet_app_id=self._new_id(), name="App", at=self.at)
        self._record(app)
        self.wallets = [self._open(app, codes[n % len(codes)]) for n in range(WALLETS)]
        self.commit()

    def run(self, payments: int) -> MemoryLog:
        """Make so many payments, and what belongs to them."""
        while self.payments < payments:
            self._tick()
            session = self._pay()
            if self.random.random() < 0.2:
                self._refund_in_parts(session)
            if self.random.random() < 0.1:
                through_processor(self)
            if self.random.random() < 0.05:
                self._pay_out()
            if self.random.random() < 0.01:
                self._move()
            self.commit()
        return self.log

    def commit(self) -> None:
        """Append what has been decided, as one command."""
        if self._pending:
            self.log.append([AppendRequest(self._new_id(), b"", self._pending)])
            self._pending = []

    def _new_id(self) -> UUID:
        self._number += 1
        return UUID(int=self._number)

    def _tick(self) -> None:
        self.log.advance(self.random.choice((0, 0.000_001, 7, 311)))
        self.at = self.log.clock

    def _record(self, *aggregates: LedgerAggregate) -> None:
        for aggregate in aggregates:
            self._pending += aggregate.collect_events()

    def _register(self, number: int) -> Merchant:
        merchant = Merchant.register(
            merchant_id=self._new_id(), name=f"Shop {number}", return_hosts=(), at=self.at
        )
        for policy, code in zip(list(FeeRefundPolicy) * 3, PER_EUR, strict=True):
            plan = FeePlan(self.random.randrange(400), self.random.randrange(40), policy)
            merchant.set_plan(code, plan, at=self.at)
        self._record(merchant)
        return merchant

    def _open(self, app: WalletApp, code: str) -> Wallet:
        wallet = Wallet.open(
            wallet_id=self._new_id(), wallet_app_id=ids.encode("app", app.id),
            currency=CURRENCIES[code], at=self.at,
        )  # fmt: skip
        self._record(wallet)
        return wallet

    def _top_up(self, wallet: Wallet) -> None:
        wallet.top_up(amount=Money(FUNDS_MINOR, wallet.currency), reference="", at=self.at)
        self._funds[wallet.currency] = self._funds.get(wallet.currency, 0) + FUNDS_MINOR

    def _pay(self) -> PaymentSession:
        pick = self.random
        merchant, wallet = pick.choice(self.merchants), pick.choice(self.wallets)
        code = wallet.currency if pick.random() < 0.6 else pick.choice(list(PER_EUR))
        amount = Money(
            pick.choice((1, 99, 10 ** pick.randrange(1, 8), pick.randrange(1, 10**6))), code
        )
        session = PaymentSession.create(
            session_id=self._new_id(), merchant_id=merchant.public_id, merchant_name=merchant.name,
            order_id=str(self.payments), amount=amount, at=self.at, fee=merchant.fee(amount),
        )  # fmt: skip
        conversion = self._quote(wallet, session) if wallet.currency != code else None
        pays = conversion.pays if conversion else amount
        if wallet.available_minor < pays.minor:
            self._top_up(wallet)
            self._record(wallet)
        claim = ids.encode("clm", self._new_id())
        session.scan(
            wallet_id=wallet.public_id, wallet_app_id=wallet.wallet_app_id, claim_id=claim,
            at=self.at, lease_seconds=90,
        )  # fmt: skip
        session.pay(
            wallet_id=wallet.public_id, claim_id=claim, amount=amount, at=self.at,
            conversion=conversion,
        )  # fmt: skip
        wallet.capture(
            amount=pays, session_id=session.public_id, merchant_id=session.merchant_id,
            merchant_name=session.merchant_name, at=self.at,
        )  # fmt: skip
        self._record(session, wallet)
        self._earn(merchant, code, amount.minor - session.fee_minor)
        self.payments += 1
        return session

    def _quote(self, wallet: Wallet, session: PaymentSession) -> Conversion:
        rate = self._rate(wallet.currency, session.amount.currency)
        conversion = convert(
            session.amount, payer_currency=wallet.currency, rate=rate,
            spread_basis_points=self.random.choice((0, 50, 175)),
        )  # fmt: skip
        quotes = FxQuotes.open(wallet_id=wallet.id, session_id=session.id, at=self.at)
        quotes.give(
            quote_id=ids.encode("quo", self._new_id()), conversion=conversion,
            source=RateSource(name="fixed", as_of="2026-01-01"),
            session_expires_at=session.expires_at, at=self.at,
        )  # fmt: skip
        self._record(quotes)
        return conversion

    @staticmethod
    def _rate(payer: str, merchant: str) -> str:
        from domain.money.fx import cross_rate  # noqa: PLC0415

        return cross_rate(PER_EUR[payer], PER_EUR[merchant])

    def _earn(self, merchant: Merchant, code: str, minor: int) -> None:
        self._earned[merchant.id, code] = self._earned.get((merchant.id, code), 0) + minor

    def _debits_of(self, merchant_id: UUID, code: str) -> MerchantDebits:
        key = merchant_id, code
        if key not in self._debits:
            self._debits[key] = MerchantDebits.open(
                merchant_id=merchant_id, currency=code, at=self.at
            )
        return self._debits[key]

    def _available(self, merchant_id: UUID, code: str) -> int:
        debits = self._debits_of(merchant_id, code)
        return self._earned.get((merchant_id, code), 0) - debits.debited_minor

    def _refund_in_parts(self, session: PaymentSession) -> None:
        merchant_id, code = ids.decode("mer", session.merchant_id), session.amount.currency
        left = session.amount.minor
        for _ in range(self.random.randrange(1, 5)):
            part = left if self.random.random() < 0.3 else self.random.randrange(left + 1)
            if not part or part > self._available(merchant_id, code):
                break
            left -= part
            refund = session.refund(
                refund_id=ids.encode("ref", self._new_id()), amount=Money(part, code), reason="",
                at=self.at,
            )  # fmt: skip
            self._take(merchant_id, code, DebitKind.REFUND, refund.id, refund.debit_minor)
            payment = session.payment
            assert payment is not None
            [wallet] = [one for one in self.wallets if one.public_id == payment.wallet_id]
            wallet.refund(
                amount=Money(refund.credited.minor, refund.credited.currency),
                session_id=session.public_id, refund_id=refund.id, at=self.at,
            )  # fmt: skip
            self._record(session, wallet)

    def _take(
        self, merchant_id: UUID, code: str, kind: DebitKind, subject: str, minor: int
    ) -> None:
        debits = self._debits_of(merchant_id, code)
        earned = Credits(self._earned.get((merchant_id, code), 0), self.log.head())
        debits.take(kind, subject, amount_minor=minor, credits=earned, at=self.at)
        self._record(debits)

    def _pay_out(self) -> None:
        merchant, code = self.random.choice(self.merchants), self.random.choice(list(PER_EUR))
        available = self._available(merchant.id, code)
        if available <= 0:
            return
        minor = self.random.randrange(1, available + 1)
        payout = Payout.request(
            payout_id=self._new_id(), merchant_id=merchant.public_id, amount=Money(minor, code),
            destination="bank-1", at=self.at,
        )  # fmt: skip
        self._take(merchant.id, code, DebitKind.PAYOUT, payout.public_id, minor)
        ending = self.random.choice(("open", "sent", "refused", "settled", "returned"))
        if ending in {"settled", "returned"} and self._funds.get(code, 0) < minor:
            self._bring(code, minor)
        if ending not in {"open", "refused"}:
            payout.fund(at=self.at)
            payout.send(bank_reference="b", at=self.at)
        if ending in {"settled", "returned"}:
            payout.settle(at=self.at)
            self._funds[code] -= minor
        if ending in {"refused", "returned"}:
            payout.give_back(reason="closed", at=self.at)
            debits = self._debits_of(merchant.id, code)
            debits.restore(DebitKind.PAYOUT, payout.public_id, amount_minor=minor, at=self.at)
            self._record(debits)
        if ending == "returned":
            self._funds[code] += minor
        self._record(payout)

    def _bring(self, code: str, minor: int) -> None:
        self._move_one(
            code,
            self.random.choice((MoveKind.OWN_FUNDS, MoveKind.FX_SETTLEMENT)),
            minor,
            incoming=True,
        )

    def _move(self) -> None:
        code = self.random.choice(list(PER_EUR))
        if self._funds.get(code, 0) > 10:
            minor = self.random.randrange(1, min(self._funds[code], 10**6))
            self._move_one(code, self.random.choice(list(MoveKind)), minor, incoming=False)

    def _move_one(self, code: str, kind: MoveKind, minor: int, *, incoming: bool) -> None:
        if code not in self._treasuries:
            self._treasuries[code] = Treasury.open(currency=code, at=self.at)
        treasury = self._treasuries[code]
        treasury.move(
            kind, Money(minor, code), incoming=incoming, reference="r",
            credits=Credits(10**18, self.log.head()), at=self.at,
        )  # fmt: skip
        self._funds[code] = self._funds.get(code, 0) + (minor if incoming else -minor)
        self._record(treasury)


def balances(log: MemoryLog) -> dict[tuple[str, str], int]:
    """Debits minus credits of every account and currency that is not zero, from the rules alone."""
    from domain.accounting.rules import postings  # noqa: PLC0415

    found: dict[tuple[str, str], int] = {}
    for recorded in log.events:
        for posting in postings(recorded.event):
            key = posting.account, posting.currency
            found[key] = found.get(key, 0) + posting.signed_minor
            chart.parse(posting.account)
    return {key: minor for key, minor in found.items() if minor}


def owners(accounts: Sequence[str]) -> set[str]:
    """The ids in some accounts."""
    return {account.split(":")[1] for account in accounts if account.count(":") == 2}
