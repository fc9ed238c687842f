"""A payer starts to pay a session through a processor."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from application.commands._support import own_session, own_wallet
from domain import ids
from domain.errors import InvalidRequest, LedgerError
from domain.merchants.merchant import Merchant
from domain.money.money import Money
from domain.sessions.attempt import Attempt
from domain.sessions.attempt_records import start
from domain.sessions.errors import ProcessorNotEnabled
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Claim, Funding, claimed
from domain.wallets.wallet import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt(Command):
    """Begin an attempt; with a wallet (`pay` with a source), or without one (the checkout)."""

    attempt_id: UUID
    session_id: UUID
    processor: str
    funding: Funding = Funding.PROCESSOR
    """`wallet`: the processor authorises, and the wallet's money is held."""
    merchant_id: UUID | None = None
    """Of the caller, if it is a merchant."""
    wallet_id: UUID | None = None
    """The wallet that pays, with its app, its claim and the amount that the payer agreed to."""
    wallet_app_id: str = ""
    claim_id: str = ""
    amount: Money | None = None
    any_processor: bool = False
    """Whether an attempt of the wallet through another processor is what it asks for (`pay`)."""
    known_refusal: LedgerError | None = None
    """Why the processor cannot take the payment, as found before any is called."""

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The session and the wallet; the merchant's id is in the session."""
        return (self.session_id,) if self.wallet_id is None else (self.session_id, self.wallet_id)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The session, and the wallet if its money is held."""
        return self.streams if self.funding is Funding.WALLET else (self.session_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Begin the attempt; returns the session as it is if the wallet has paid or is paying it.

        So does a caller without a wallet if such an attempt is under way, and everybody who names
        an attempt that exists.

        Raises (checked in this order):
            InvalidRequest: a wallet's money is to be held, and no wallet is named.
            NotFound: there is no such session, it belongs to another merchant, or the app has no
                such wallet.
            PaymentInFlight: the end of another attempt is not known.
            SessionNotPayable, SessionExpired, ClaimRequired, AmountMismatch: see
                `PaymentSession.pay`.
            SessionClaimed: a wallet holds a claim, and the caller has none.
            ProcessorNotEnabled: the merchant does not take payments through the processor.
            AmountNotSupported, ProcessorUnavailable: as `known_refusal` says.
            WalletCurrencyMismatch, InsufficientFunds: see `Wallet.hold`.
        """
        if self.funding is Funding.WALLET and self.wallet_id is None:
            raise InvalidRequest.of("wallet_id", "is needed, because its money is held")
        session = loaded.get(PaymentSession, self.session_id, "payment session")
        if self.merchant_id is not None:
            own_session(session, self.merchant_id)
        wallet = None
        if self.wallet_id is not None:
            wallet = own_wallet(loaded.get(Wallet, self.wallet_id, "wallet"), self.wallet_app_id)
            if session.paid_by(wallet.public_id):
                return Decision(session)
        attempt_id = ids.encode("att", self.attempt_id)
        if attempt_id in session.attempts:
            return Decision(session)
        current = session.current_attempt
        if current is not None and self._continues(current, wallet):
            return Decision(session)
        session.check_not_in_flight()
        loaded.reached(session.expires_at)
        claim = self._claim(session, wallet, loaded)
        merchant = loaded.get(Merchant, ids.decode("mer", session.merchant_id), "merchant")
        if self.processor not in merchant.processors:
            raise ProcessorNotEnabled(merchant_id=merchant.public_id, processor=self.processor)
        if self.known_refusal is not None:
            raise self.known_refusal
        attempt = start(
            session,
            attempt_id=attempt_id,
            processor=self.processor,
            funding=self.funding,
            claim=claim,
            at=loaded.now,
        )
        if wallet is None or self.funding is Funding.PROCESSOR:
            return Decision(session, [session])
        wallet.hold(
            amount=session.amount,
            session_id=session.public_id,
            attempt_id=attempt.id,
            at=loaded.now,
        )
        return Decision(session, [wallet, session])

    def _continues(self, current: Attempt, wallet: Wallet | None) -> bool:
        """Whether the attempt under way is what the caller asks for."""
        same_wallet = current.wallet_id == (wallet.public_id if wallet else None)
        same_processor = self.any_processor or current.processor == self.processor
        return same_wallet and same_processor

    def _claim(
        self, session: PaymentSession, wallet: Wallet | None, loaded: Loaded
    ) -> Claim | None:
        if wallet is not None:
            session.check_payment(
                wallet_id=wallet.public_id,
                claim_id=self.claim_id,
                amount=self.amount or session.amount,
                at=loaded.now,
            )
            return session.claim
        session.check_open(loaded.now)
        if session.claim is not None and not loaded.reached(session.claim.lease_until):
            raise claimed(session.public_id, session.claim, loaded.now)
        return None
