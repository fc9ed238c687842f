"""What opening and closing disputes have in common."""

from __future__ import annotations

from application.command import Loaded
from application.commands._support import debits_of
from domain import ids
from domain.money.money import Money
from domain.payouts.debits import MerchantDebits
from domain.sessions.attempt import REFERENCE_CHARS_MAX
from domain.sessions.dispute import open_dispute
from domain.sessions.payment_session import PaymentSession
from domain.text import replace_unacceptable


def dispute_id_of(session: PaymentSession, reference: str) -> str:
    """The public id of a dispute: derived, so that the same dispute is recorded once."""
    return ids.encode("dsp", ids.derive("dispute", session.id.bytes, reference))


def merchant_debits(loaded: Loaded, session: PaymentSession) -> MerchantDebits:
    """The debits of the session's merchant."""
    return debits_of(loaded, ids.decode("mer", session.merchant_id), session.amount.currency)


def open_and_charge(
    loaded: Loaded, session: PaymentSession, reference: str, money: Money, reason: str
) -> list[MerchantDebits]:
    """Open a dispute and debit the merchant its part; empty if the dispute is known."""
    dispute = open_dispute(
        session,
        dispute_id=dispute_id_of(session, reference),
        reference=replace_unacceptable(reference)[:REFERENCE_CHARS_MAX],
        amount=money,
        reason=reason,
        at=loaded.now,
    )
    if dispute is None:
        return []
    debits = merchant_debits(loaded, session)
    debits.charge(dispute.id, amount_minor=dispute.merchant_minor, at=loaded.now)
    return [debits]
