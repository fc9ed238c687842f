"""A state machine test of the books: money must move as in a simple model, and nowhere else."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from application.checks.checker import check_log
from application.command import Outcome
from application.commands.refund_session import RefundSession
from domain import ids
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.money.fx import cross_rate
from domain.money.money import Money
from domain.wallets.fx_quotes import QUOTE_SECONDS
from tests.support.books_fixture import PER_EURO, everything
from tests.support.books_model import (
    CURRENCIES,
    SPREAD_BASIS_POINTS,
    BooksModel,
    ModelPayout,
    ModelRefund,
    ModelSession,
)

PARTS = st.sampled_from(["third", "third", "most", "one", "rest", "more"])
LAGS = st.sampled_from([0, 0, 0, 1, 5, 10**6])
"""How many positions the read model is behind; 0 is proven to be current."""
PICKS = st.integers(0, 3)


class BooksMachine(BooksModel):
    """One merchant, a wallet in each currency, and every way in which money moves."""

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
