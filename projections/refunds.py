"""Refunds: which session each belongs to, which are open, and which a person has to look at."""

from __future__ import annotations

from typing import Any

from domain.sessions.payment_session import PaymentSession
from projections import _open_subjects
from projections._open_subjects import Change, table_of


class Refunds(_open_subjects.OpenSubjects):
    """See the base. Only a refund that a processor carries out is open for a time."""

    name = "refunds"
    version = 2
    key = ("refund_id",)
    prefix = "ref"
    follows = (
        PaymentSession.RefundRequested,
        PaymentSession.RefundSucceeded,
        PaymentSession.RefundFailed,
        PaymentSession.Flagged,
    )
    tables = table_of("refund_id")

    @classmethod
    def change(cls, event: Any) -> Change | None:
        """A refund to a wallet begins and ends with one event."""
        if isinstance(event, PaymentSession.RefundRequested):
            return Change(event.refund_id, begins=True)
        at_once = isinstance(event, PaymentSession.RefundSucceeded) and not event.reserved
        return Change(event.refund_id, begins=at_once, ends=True)
