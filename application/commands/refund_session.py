"""A merchant returns a payment, or a part of it, to the payer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import debits_of, own_session, take_from_payable
from domain import ids
from domain.money.money import Money
from domain.payouts.debits import Credits, DebitKind, MerchantDebits
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import request_refund
from domain.sessions.state import Funding
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSession(Command):
    """Refund a paid session: merchant, session and wallet record it in one append.

    Money that a processor took is set aside, and goes back through the processor.
    """

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
        """Debit the merchant, and credit the wallet at the original rate, or ask the processor.

        Raises (checked in this order):
            NotFound: the merchant has no such session.
            InvalidRequest, SessionNotPaid, RefundExceedsPaid, RefundsExhausted: see
                `PaymentSession.refund`.
            PayableInsufficient, CreditsNotCounted: see `take_from_payable`.
        """
        session = own_session(
            loaded.get(PaymentSession, self.session_id, "payment session"), self.merchant_id
        )
        payment = session.payment
        wallet = None
        if payment is not None and payment.funding is Funding.WALLET and payment.wallet_id:
            wallet = loaded.get(Wallet, ids.decode("wal", payment.wallet_id), "wallet")
        through_processor = payment is not None and payment.funding is Funding.PROCESSOR
        record = partial(request_refund, session) if through_processor else session.refund
        refund = record(
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
        if wallet is None:
            return Decision(session, [debits, session])
        credited = Money(refund.credited.minor, refund.credited.currency)
        wallet.refund(
            amount=credited, session_id=session.public_id, refund_id=refund.id, at=loaded.now
        )
        return Decision(session, [debits, wallet, session])
