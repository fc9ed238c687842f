"""A merchant returns a payment, or a part of it, to the payer's wallet."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import debits_of, own_session, take_from_payable
from domain import ids
from domain.money.money import Money
from domain.payouts.debits import Credits, DebitKind, MerchantDebits
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSession(Command):
    """Refund a paid session: merchant, session and wallet record it in one append."""

    refund_id: UUID
    session_id: UUID
    merchant_id: UUID
    amount: Money
    """In the session's currency."""
    credits: Credits
    """What the merchant has earned in that currency, at the least."""
    credits_are_current: bool
    """Whether they were counted up to the log's head when the request arrived."""
    reason: str = ""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session and the merchant's debits; the wallet's id is in the session."""
        return (self.session_id, MerchantDebits.stream_id(self.merchant_id, self.amount.currency))

    def decide(self, loaded: Loaded) -> Decision:
        """Debit the merchant, credit the wallet at the original rate, and record the refund.

        Raises (checked in this order):
            NotFound: the merchant has no such session.
            InvalidRequest, SessionNotPaid, RefundExceedsPaid, RefundsExhausted: see
                `PaymentSession.refund`.
            PayableInsufficient, CreditsNotCounted: see `take_from_payable`.
        """
        session = own_session(
            loaded.get(PaymentSession, self.session_id, "payment session"), self.merchant_id
        )
        refund = session.refund(
            refund_id=ids.encode("ref", self.refund_id),
            amount=self.amount,
            reason=self.reason,
            at=loaded.now,
        )
        debits = debits_of(loaded, self.merchant_id, self.amount.currency)
        take_from_payable(
            debits,
            DebitKind.REFUND,
            refund.id,
            amount_minor=refund.debit_minor,
            credits=self.credits,
            credits_are_current=self.credits_are_current,
            at=loaded.now,
        )
        payment = session.payment
        if payment is None or payment.wallet_id is None:
            return Decision(session, [debits, session])
        wallet = loaded.get(Wallet, ids.decode("wal", payment.wallet_id), "wallet")
        credited = Money(refund.credited.minor, refund.credited.currency)
        wallet.refund(
            amount=credited, session_id=session.public_id, refund_id=refund.id, at=loaded.now
        )
        return Decision(session, [debits, wallet, session])
