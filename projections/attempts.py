"""Attempts to pay through a processor: which are open, and which a person has to look at."""

from __future__ import annotations

from typing import Any

from domain.sessions.payment_session import PaymentSession
from projections import _open_subjects
from projections._open_subjects import Change, table_of


class Attempts(_open_subjects.OpenSubjects):
    """See the base."""

    name = "attempts"
    version = 1
    key = ("attempt_id",)
    prefix = "att"
    follows = (
        PaymentSession.Processing,
        PaymentSession.Paid,
        PaymentSession.Declined,
        PaymentSession.Flagged,
    )
    tables = table_of("attempt_id")

    @classmethod
    def change(cls, event: Any) -> Change | None:
        """Attempts begin with `processing`; a payment from a balance is about none."""
        if isinstance(event, PaymentSession.Processing):
            return Change(event.attempt_id, begins=True)
        return Change(event.attempt_id, ends=True) if event.attempt_id else None
