"""A ledger whose merchants have fees, refunds and payouts, and whose payers have other currencies.

What no command does yet (refunds by a processor) is an `Act` here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from uuid_utils.compat import uuid7

from application.command import Command, Decision, Loaded
from application.commands.fund_payout import FundPayout
from application.commands.make_fx_quote import MakeFxQuote
from application.commands.pay_session import PaySession
from application.commands.refund_session import RefundSession
from application.commands.request_payout import RequestPayout
from application.commands.return_payout import ReturnPayout
from application.commands.send_payout import SendPayout
from application.commands.set_fee_plan import SetFeePlan
from application.commands.set_payout_terms import SetPayoutTerms
from application.commands.settle_payout import SettlePayout
from application.event_log import EventLog, Recorded
from application.ports.rates import Rate
from domain import ids
from domain.merchants.fee_plan import FeePlan
from domain.merchants.payout_terms import PayoutTerms
from domain.money.fx import cross_rate
from domain.money.money import Money
from domain.payouts.debits import Credits, DebitKind, MerchantDebits
from domain.payouts.payout import Payout
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import plan_refund, refund_fields
from domain.wallets.wallet import Wallet
from tests.support.ledger_fixture import LedgerFixture

PAGE: Final = 500
DAY: Final = date(2025, 12, 31)
"""Of the rates."""
PER_EURO: Final = {"EUR": "1", "JPY": "161.5", "USD": "1.0842", "KWD": "0.33251", "CLF": "0.02674"}
"""Currencies of 0, 2, 3 and 4 decimals."""


@dataclass(frozen=True)
class Act(Command):
    """A step that has no command of its own."""

    reads: tuple[UUID, ...]
    act: Callable[[Loaded], Decision]

    @property
    def streams(self) -> tuple[UUID, ...]:
        return self.reads

    def decide(self, loaded: Loaded) -> Decision:
        return self.act(loaded)


class BooksFixture:
    """Commands of one ledger's money; `ledger` sends them."""

    def __init__(self, ledger: LedgerFixture, *, spread_basis_points: int = 125) -> None:
        self.ledger = ledger
        self.spread_basis_points = spread_basis_points
        self.merchant_id = ledger.merchant_id

    # What the operator sets.

    def set_plan(self, currency: str, plan: FeePlan) -> Command:
        return SetFeePlan(merchant_id=self.merchant_id, currency=currency, plan=plan)

    def set_payouts(self, currency: str) -> Command:
        terms = PayoutTerms("main account")
        return SetPayoutTerms(merchant_id=self.merchant_id, currency=currency, terms=terms)

    # Payments.

    def quote(self, session_id: UUID, wallet_id: UUID) -> MakeFxQuote:
        payer = self.ledger.wallet(wallet_id).currency
        payee = self.ledger.session(session_id).amount.currency
        return MakeFxQuote(
            quote_id=self.ledger.new_id(),
            wallet_id=wallet_id,
            wallet_app_id=self.ledger.app,
            session_id=session_id,
            rate=Rate(cross_rate(PER_EURO[payer], PER_EURO[payee]), "fixed", DAY),
            rate_days_max=None,
            spread_basis_points=self.spread_basis_points,
        )

    def pay(
        self, session_id: UUID, wallet_id: UUID, claim_id: str, amount: Money, quote: str | None
    ) -> PaySession:
        return PaySession(
            session_id=session_id,
            wallet_id=wallet_id,
            wallet_app_id=self.ledger.app,
            claim_id=claim_id,
            amount=amount,
            quote_id=quote,
        )

    def paid_session(self, wallet_id: UUID, amount: Money) -> UUID:
        """A session that the wallet has paid, by a quote if it has another currency."""
        ledger = self.ledger
        session_id = ledger.create_session(amount=amount)
        claim = ledger.claim_session(session_id, wallet_id)
        quote = None
        if ledger.wallet(wallet_id).currency != amount.currency:
            quotes = ledger.send(self.quote(session_id, wallet_id)).subject.quotes
            quote = list(quotes)[-1]
        ledger.send(self.pay(session_id, wallet_id, claim, amount, quote))
        return session_id

    # Debits of the merchant.

    def refund(
        self, session_id: UUID, amount: Money, *, credits: Credits | None = None, reason: str = ""
    ) -> RefundSession:
        """A refund, with the credits at the head unless others are given."""
        return RefundSession(
            refund_id=self.ledger.new_id(),
            session_id=session_id,
            merchant_id=self.merchant_id,
            amount=amount,
            reason=reason,
            credits=credits or self.credits(amount.currency),
            credits_are_current=credits is None,
        )

    def begin_refund(self, session_id: UUID, amount: Money) -> Command:
        """A refund that a processor carries out."""
        refund_id = ids.encode("ref", self.ledger.new_id())
        stream_id = MerchantDebits.stream_id(self.merchant_id, amount.currency)
        earned = self.credits(amount.currency)

        def act(loaded: Loaded) -> Decision:
            session = loaded.get(PaymentSession, session_id, "session")
            refund = plan_refund(
                session, refund_id=refund_id, amount=amount, reason="", at=loaded.now
            )
            debits = loaded.find(MerchantDebits, stream_id) or MerchantDebits.open(
                merchant_id=self.merchant_id, currency=amount.currency, at=loaded.now
            )
            debits.take(
                DebitKind.REFUND, refund_id, amount_minor=refund.debit_minor, credits=earned,
                at=loaded.now,
            )  # fmt: skip
            session.trigger_event(
                session.RefundRequested, timestamp=loaded.now, **refund_fields(session, refund)
            )
            return Decision(session, [debits, session])

        return Act((session_id, stream_id), act)

    def end_refund(self, session_id: UUID, refund_id: str, *, succeeds: bool) -> Command:
        def act(loaded: Loaded) -> Decision:
            session = loaded.get(PaymentSession, session_id, "session")
            refund = session.refunds[refund_id]
            fields = {**refund_fields(session, refund), "timestamp": loaded.now}
            if succeeds:
                refunded = session.refunded_minor + refund.amount_minor
                session.trigger_event(
                    session.RefundSucceeded, reserved=True, refunded_minor=refunded, **fields
                )
                wallet = self._credit(loaded, session, refund_id)
                return Decision(session, [*wallet, session])
            session.trigger_event(session.RefundFailed, **fields)
            stream_id = MerchantDebits.stream_id(self.merchant_id, session.amount.currency)
            debits = loaded.get(MerchantDebits, stream_id, "debits")
            debits.restore(
                DebitKind.REFUND, refund_id, amount_minor=refund.debit_minor, at=loaded.now
            )
            return Decision(session, [debits, session])

        return Act((session_id,), act)

    @staticmethod
    def _credit(loaded: Loaded, session: PaymentSession, refund_id: str) -> Sequence[Wallet]:
        assert session.payment is not None
        wallet = loaded.get(Wallet, ids.decode("wal", session.payment.wallet_id or ""), "wallet")
        credited = session.refunds[refund_id].credited
        wallet.refund(
            amount=Money(credited.minor, credited.currency), session_id=session.public_id,
            refund_id=refund_id, at=loaded.now,
        )  # fmt: skip
        return [wallet]

    def payout(self, amount: Money, *, credits: Credits | None = None) -> RequestPayout:
        """A payout, with the credits at the head unless others are given."""
        return RequestPayout(
            payout_id=self.ledger.new_id(),
            merchant_id=self.merchant_id,
            amount=amount,
            credits=credits or self.credits(amount.currency),
            credits_are_current=credits is None,
        )

    def step_payout(self, payout_id: UUID, currency: str, step: str) -> Command:
        """`fund`, `send`, `settle` or `return`."""
        commands: dict[str, Command] = {
            "fund": FundPayout(payout_id=payout_id, credits=self._top_ups(currency)),
            "send": SendPayout(payout_id=payout_id, bank_reference="B"),
            "settle": SettlePayout(payout_id=payout_id),
            "return": ReturnPayout(payout_id=payout_id, reason="account closed"),
        }
        return commands[step]

    # Credits, counted as `balances` counts them.

    def credits(self, currency: str, *, up_to: int | None = None) -> Credits:
        """What the merchant has earned up to a position; up to the head by default."""
        merchant = ids.encode("mer", self.merchant_id)
        log = everything(self.ledger.log)
        position = len(log) if up_to is None else min(up_to, len(log))
        paid: list[Any] = [
            one.event for one in log[:position] if one.topic == "payment_session.paid"
        ]
        minor = sum(
            event.amount_minor - event.fee_minor
            for event in paid
            if (event.merchant_id, event.currency) == (merchant, currency)
        )
        return Credits(minor=minor, position=position)

    def _top_ups(self, currency: str) -> Credits:
        log = everything(self.ledger.log)
        events: list[Any] = [one.event for one in log if one.topic == "wallet.topped_up"]
        minor = sum(event.amount_minor for event in events if event.currency == currency)
        return Credits(minor=minor, position=len(log))


def steal(merchant: str, minor: int) -> Act:
    """A payout that no merchant has earned and no treasury has funded."""

    def act(loaded: Loaded) -> Decision:
        payout = Payout.request(
            payout_id=uuid7(),
            merchant_id=merchant,
            amount=Money(minor, "USD"),
            destination="elsewhere",
            at=loaded.now,
        )
        payout.fund(at=loaded.now)
        payout.send(bank_reference="B", at=loaded.now)
        payout.settle(at=loaded.now)
        return Decision(payout, [payout])

    return Act((), act)


def everything(log: EventLog) -> list[Recorded]:
    """The whole log."""
    events: list[Recorded] = []
    while page := log.read(len(events), PAGE):
        events += page
    return events
