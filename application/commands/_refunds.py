"""What processors say about refunds."""

from __future__ import annotations

from uuid import UUID

from application.command import Decision, Loaded
from application.commands._support import debits_of
from application.errors import NotFound
from domain import ids
from domain.payouts.debits import DebitKind
from domain.sessions.attempt import Flag
from domain.sessions.attempt_records import flag_refund
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import Refund, RefundStatus, end_refund


def find_refund(loaded: Loaded, session_id: UUID, refund_id: UUID) -> tuple[PaymentSession, Refund]:
    """A session and its refund.

    Raises (checked in this order):
        NotFound: there is no such session; or it has no such refund.
    """
    session = loaded.get(PaymentSession, session_id, "payment session")
    refund = session.refunds.get(ids.encode("ref", refund_id))
    if refund is None:
        raise NotFound(thing="refund")
    return session, refund


def record_end(loaded: Loaded, session_id: UUID, refund_id: UUID, *, succeeded: bool) -> Decision:
    """Record the end of a pending refund; restore the merchant's debit if it failed.

    A processor that contradicts what it has said changes nothing: the session is flagged.

    Raises (checked in this order):
        NotFound: there is no such session; or it has no such refund.
    """
    session, known = find_refund(loaded, session_id, refund_id)
    refund = end_refund(session, known.id, succeeded=succeeded, at=loaded.now)
    if refund is None:
        if succeeded != (known.status is RefundStatus.SUCCEEDED):
            reason = f"after {known.status}"
            flag_refund(session, known, Flag.CONFLICT, reason=reason, at=loaded.now)
        return Decision(session, [session])
    if succeeded or not refund.debit_minor:
        return Decision(session, [session])
    debits = debits_of(loaded, ids.decode("mer", session.merchant_id), session.amount.currency)
    debits.restore(DebitKind.REFUND, refund.id, amount_minor=refund.debit_minor, at=loaded.now)
    return Decision(session, [debits, session])
