"""Restriction: texts of a session that nobody but auditors is shown any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from domain.sessions.errors import SessionNotEnded
from domain.sessions.events import SessionEvent
from domain.sessions.state import OPEN, Status

if TYPE_CHECKING:
    from domain.sessions.payment_session import PaymentSession

GOING_ON: Final = OPEN | {Status.PROCESSING}


class Restricted(SessionEvent):
    """Somebody's data had to be erased: the texts of the session are for auditors only.

    For good: also those of later events. No member says who asked, or why.
    """

    TOPIC = "payment_session.restricted"

    def apply(self, aggregate: PaymentSession) -> None:
        """Mark the session. It keeps its texts, because the log and decisions need some of them."""
        aggregate.restricted = True


def restrict(session: PaymentSession, *, at: datetime) -> bool:
    """Restrict the texts of a session; returns False if they are already.

    Raises:
        SessionNotEnded: it can still be paid, or a processor is working on a payment.
    """
    if session.restricted:
        return False
    if (status := session.status_at(at)) in GOING_ON:
        raise SessionNotEnded(session_id=session.public_id, session_status=status.value)
    session.trigger_event(Restricted, timestamp=at)
    return True


def without_text(session: PaymentSession) -> PaymentSession:
    """The session as everybody but auditors may see it: a copy without its texts.

    `domain/personal_data.py` lists them. `callback_url` stays: it is never shown, and the notices
    of the session still go there.
    """
    copy = object.__new__(type(session))
    copy.__dict__ = {
        **session.__dict__,
        "restricted": True,
        "order_id": "",
        "description": "",
        "metadata": {},
        "return_url": None,
        "refunds": {name: replace(one, reason="") for name, one in session.refunds.items()},
        "attempts": {name: replace(one, reference="") for name, one in session.attempts.items()},
    }
    return copy
