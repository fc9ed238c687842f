"""What processors say about attempts: session, wallet, suspense and order in one append.

Each command about an attempt ends here, so that a word has the same effect whoever says it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Decision, Loaded
from application.commands._support import release_order
from application.errors import NotFound
from domain import ids
from domain.money.money import Money, check_range, known_currency
from domain.processors.suspense import Suspense, SuspenseReason
from domain.sessions.attempt import Attempt, AttemptStatus, Flag, Heard
from domain.sessions.attempts import Consequence, Effect, hear
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Funding
from domain.wallets.wallet import Wallet


def find_attempt(
    loaded: Loaded, session_id: UUID, attempt_id: UUID
) -> tuple[PaymentSession, Attempt]:
    """A session and its attempt.

    Raises (checked in this order):
        NotFound: there is no such session; or it has no such attempt.
    """
    session = loaded.get(PaymentSession, session_id, "payment session")
    attempt = session.attempts.get(ids.encode("att", attempt_id))
    if attempt is None:
        raise NotFound(thing="payment attempt")
    return session, attempt


def check_captured(money: Money) -> None:
    """Check what a processor says that it has captured, in whatever currency.

    Raises (checked in this order):
        InvalidRequest: the currency does not exist; or the amount is out of range.
    """
    known_currency(money.currency, name="money.currency")
    check_range(money.minor, name="money")


def record_word(
    loaded: Loaded,
    session: PaymentSession,
    attempt: Attempt,
    heard: Heard,
    *,
    accept_seconds: int = 0,
) -> Decision:
    """Record what is said about an attempt, and all that follows from it.

    Args:
        loaded: the state to decide on.
        session: the session.
        attempt: one of its attempts.
        heard: what is said.
        accept_seconds: how long the merchant may accept late money of the session's amount.
    """
    heard = heard.cleaned(attempt)
    loaded.reached(session.expires_at)
    suspense_stream = Suspense.stream_id(attempt.processor, heard.reference)
    known = None
    if heard.kind is AttemptStatus.CAPTURED:
        known = loaded.find(Suspense, suspense_stream)
    wallet = _wallet(loaded, attempt)
    consequence = hear(
        session,
        attempt.id,
        heard,
        at=loaded.now,
        suspense_id=ids.encode("sus", suspense_stream),
        in_suspense=known is not None,
    )
    changed: list[Aggregate] = []
    if wallet is not None and _move(wallet, session, consequence, loaded.now):
        changed.append(wallet)
    if consequence.suspended is not None:
        entry = _suspend(session, consequence, heard.reference, accept_seconds, loaded.now)
        changed.append(entry)
    if consequence.ended is not None:
        changed += release_order(session, loaded, reason=consequence.ended.value)
    return Decision(session, [*changed, session])


def _wallet(loaded: Loaded, attempt: Attempt) -> Wallet | None:
    """The wallet whose money is held for the attempt."""
    if attempt.funding is Funding.PROCESSOR or attempt.wallet_id is None or not attempt.active:
        return None
    return loaded.get(Wallet, ids.decode("wal", attempt.wallet_id), "wallet")


def _move(wallet: Wallet, session: PaymentSession, consequence: Consequence, at: datetime) -> bool:
    """Capture or release what is held; returns whether the attempt has ended."""
    attempt = consequence.attempt
    match consequence.effect:
        case Effect.PAY:
            wallet.capture_held(
                amount=attempt.amount,
                session_id=session.public_id,
                merchant_id=session.merchant_id,
                merchant_name=session.merchant_name,
                at=at,
            )
        case Effect.DECLINE | Effect.VOID | Effect.REFUSE:
            wallet.release(
                amount=attempt.amount, session_id=session.public_id, attempt_id=attempt.id, at=at
            )
        case _:
            return False
    return True


def _suspend(
    session: PaymentSession,
    consequence: Consequence,
    reference: str,
    accept_seconds: int,
    at: datetime,
) -> Suspense:
    money, flag = consequence.suspended or Money(0, session.amount.currency), consequence.flag
    acceptable = flag is Flag.LATE and money == session.amount
    until = at + timedelta(seconds=accept_seconds if acceptable else 0)
    return Suspense.receive(
        processor=consequence.attempt.processor,
        reference=reference,
        reason=SuspenseReason((flag or Flag.CONFLICT).value),
        amount=money,
        accept_until=until,
        at=at,
        session_id=session.public_id,
        attempt_id=consequence.attempt.id,
        merchant_id=session.merchant_id,
    )
