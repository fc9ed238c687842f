"""Payments through processors for generated histories, by the domain's own rules."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from domain import ids
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.payouts.debits import DebitKind
from domain.processors.settlement import Settlement
from domain.processors.suspense import Suspense, SuspenseReason
from domain.sessions.attempt import AttemptStatus, Heard
from domain.sessions.attempt_records import pay_by_attempt, start
from domain.sessions.attempts import hear
from domain.sessions.dispute import close_dispute, open_dispute
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import end_refund, request_refund
from domain.sessions.state import Funding

if TYPE_CHECKING:
    from tests.support.book_history import BookHistory

PROCESSORS = ("sandbox", "stripe")


def through_processor(history: BookHistory) -> None:
    """One payment through a processor, as it may go."""
    pick = history.random
    merchant, code = pick.choice(history.merchants), pick.choice(["EUR", "USD", "JPY", "KWD"])
    amount, reference = Money(pick.randrange(1000, 10**5), code), str(history._new_id())
    session = PaymentSession.create(
        session_id=history._new_id(), merchant_id=merchant.public_id, merchant_name=merchant.name,
        order_id=reference, amount=amount, at=history.at, fee=merchant.fee(amount),
    )  # fmt: skip
    if pick.random() < 0.3:
        _by_held_money(history, session)
        return
    attempt = start(
        session, attempt_id=ids.encode("att", history._new_id()),
        processor=pick.choice(PROCESSORS), funding=Funding.PROCESSOR, claim=None, at=history.at,
    )  # fmt: skip
    late = pick.random() < 0.3
    if late:
        _hear(history, session, Heard(AttemptStatus.DECLINED))
    captured = Money(amount.minor + pick.choice((0, 0, 0, 1, -1)), code)
    _hear(history, session, Heard(AttemptStatus.CAPTURED, reference, captured))
    if late and captured == amount and pick.random() < 0.5:
        entry = _entry(history, session, reference, SuspenseReason.LATE, amount, accepted=True)
        pay_by_attempt(session, session.attempts[attempt.id], at=history.at)
        history._record(entry, session)
    elif session.flags and session.flags != ("conflict",):
        reason = SuspenseReason(session.flags[-1])
        rest = captured.minor - (amount.minor if reason is SuspenseReason.OVER else 0)
        history._record(_entry(history, session, reference, reason, Money(rest, code)))
    if session.payment is not None:
        history._earn(merchant, code, amount.minor - session.fee_minor)
        _afterwards(history, session, attempt.processor)
    history._record(session)


def _hear(history: BookHistory, session: PaymentSession, heard: Heard) -> None:
    [attempt] = session.attempts.values()
    heard = heard.cleaned(attempt)
    suspense_id = ids.encode("sus", Suspense.stream_id(attempt.processor, heard.reference))
    hear(session, attempt.id, heard, at=history.at, suspense_id=suspense_id)
    history._record(session)


def _entry(
    history: BookHistory, session: PaymentSession, reference: str, reason: SuspenseReason,
    amount: Money, *, accepted: bool = False,
) -> Suspense:  # fmt: skip
    [attempt] = session.attempts.values()
    until = history.at + timedelta(days=1) if accepted else history.at
    entry = Suspense.receive(
        processor=attempt.processor, reference=reference, reason=reason, amount=amount,
        accept_until=until, at=history.at, session_id=session.public_id, attempt_id=attempt.id,
    )  # fmt: skip
    if accepted:
        entry.accept(order_opened=False, at=history.at)
    elif history.random.random() < 0.7:
        entry.give_back(at=history.at)
    return entry


def _by_held_money(history: BookHistory, session: PaymentSession) -> None:
    code = session.amount.currency
    wallet = history.random.choice([one for one in history.wallets if one.currency == code])
    if wallet.available_minor < session.amount.minor:
        history._top_up(wallet)
    session.scan(
        wallet_id=wallet.public_id, wallet_app_id=wallet.wallet_app_id, claim_id="clm_1",
        at=history.at, lease_seconds=90,
    )  # fmt: skip
    attempt = start(
        session, attempt_id=ids.encode("att", history._new_id()), processor="sandbox",
        funding=Funding.WALLET, claim=session.claim, at=history.at,
    )  # fmt: skip
    facts = {"amount": session.amount, "session_id": session.public_id, "at": history.at}
    wallet.hold(**facts, attempt_id=attempt.id)  # type: ignore[arg-type]
    history._record(session, wallet)
    if history.random.random() < 0.5:
        _hear(history, session, Heard(AttemptStatus.CAPTURED, "r", session.amount))
        payee = {"merchant_id": session.merchant_id, "merchant_name": session.merchant_name}
        wallet.capture_held(**facts, **payee)  # type: ignore[arg-type]
        merchant_id = ids.decode("mer", session.merchant_id)
        [merchant] = [one for one in history.merchants if one.id == merchant_id]
        history._earn(merchant, code, session.amount.minor - session.fee_minor)
    else:
        _hear(history, session, Heard(AttemptStatus.DECLINED))
        wallet.release(**facts, attempt_id=attempt.id)  # type: ignore[arg-type]
    history._record(session, wallet)


def _afterwards(history: BookHistory, session: PaymentSession, processor: str) -> None:
    """A refund, a dispute, a settlement; each one sometimes."""
    pick, code, at = history.random, session.amount.currency, history.at
    merchant_id = ids.decode("mer", session.merchant_id)
    if pick.random() < 0.5 and history._available(merchant_id, code) > session.amount.minor:
        part = Money(pick.randrange(1, session.amount.minor), code)
        name = ids.encode("ref", history._new_id())
        refund = request_refund(session, refund_id=name, amount=part, reason="", at=at)
        history._take(merchant_id, code, DebitKind.REFUND, name, refund.debit_minor)
        succeeded = pick.random() < 0.6
        end_refund(session, name, succeeded=succeeded, at=at)
        if not succeeded:
            debits = history._debits_of(merchant_id, code)
            debits.restore(DebitKind.REFUND, name, amount_minor=refund.debit_minor, at=at)
            history._record(debits)
    if pick.random() < 0.3:
        name = ids.encode("dsp", history._new_id())
        dispute = open_dispute(
            session, dispute_id=name, reference=name, amount=session.amount, reason="", at=at
        )
        assert dispute is not None
        debits = history._debits_of(merchant_id, code)
        debits.charge(name, amount_minor=dispute.merchant_minor, at=at)
        won = pick.random() < 0.5
        close_dispute(session, name, won=won, at=at)
        if won:
            minor = dispute.merchant_minor
            debits.restore(DebitKind.DISPUTE, name, amount_minor=minor, at=at)
        history._record(debits)
    if pick.random() < 0.3:
        gross, fee = session.amount.minor, pick.randrange(20)
        settlement = Settlement.receive(
            processor=processor, reference=str(history._new_id()), currency=CURRENCIES[code],
            gross_minor=gross, fee_minor=fee, received_minor=gross - fee - pick.choice((0, 0, 5)),
            at=at,
        )  # fmt: skip
        history._funds[code] = history._funds.get(code, 0) + settlement.received_minor
        history._record(settlement)
