"""A wallet scans a static code: a session is opened and claimed in one append."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from eventsourcing.domain import Aggregate

from application.command import Command, Decision, Loaded
from application.commands._support import claim_session, own_wallet, release_order
from application.scanning import VerifiedCode
from domain import ids
from domain.merchants.merchant import Merchant
from domain.money.money import Money
from domain.sessions.errors import ClaimsExhausted
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN, Status
from domain.static_codes.code_sessions import CodeSessions
from domain.static_codes.static_code import StaticCode
from domain.wallets.wallet import Wallet

ORDER_PREFIX: Final = "static:"
_UNENDED: Final = OPEN | {Status.PROCESSING}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStaticCode(Command):
    """Open and claim a session of a verified code, unless the wallet has one open."""

    code: VerifiedCode
    wallet_id: UUID
    wallet_app_id: str
    amount: Money | None
    """What the payer entered; may be left out if the code has a fixed amount."""
    session_id: UUID
    """Of the session if one is opened; so is `claim_id`."""
    claim_id: UUID
    lease_seconds: int

    @property
    def sessions_stream(self) -> UUID:
        """The stream of the wallet's sessions by this code."""
        return CodeSessions.stream_id(self.code.code_id, self.wallet_id)

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The wallet, the code, and the wallet's sessions by it."""
        return (self.wallet_id, self.code.code_id, self.sessions_stream)

    @property
    def writes(self) -> tuple[UUID, ...]:
        """The wallet's sessions; wallet and code are only read."""
        return (self.sessions_stream,)

    def decide(self, loaded: Loaded) -> Decision:
        """Claim the wallet's open session of this amount, or open one.

        A wallet has one open session by a code, whatever the idempotency key: an open one of
        another amount is cancelled, and one whose time is over expires, in the same append.

        Raises (checked in this order):
            NotFound: the app has no such wallet, or there is no such code.
            InvalidQr: the merchant has revoked the code.
            AmountMismatch, InvalidRequest, AmountOutsideLimits: see `Terms.price`.
            SessionNotPayable: the open session is processing.
            SessionClaimed: another wallet holds a claim on the open session of this amount.
        """
        wallet = own_wallet(loaded.get(Wallet, self.wallet_id, "wallet"), self.wallet_app_id)
        code = loaded.get(StaticCode, self.code.code_id, "static code")
        code.check_active()
        price = code.terms.price(self.amount, code.public_id)
        sessions = loaded.find(CodeSessions, self.sessions_stream)
        ended: list[Aggregate] = []
        if sessions is not None:
            last_id = ids.decode("ps", sessions.session_id)
            last = loaded.get(PaymentSession, last_id, "payment session")
            if self._claims_again(last, wallet, price, loaded):
                return Decision(last, [last])
            if last.pending_events:
                ended = [*release_order(last, loaded, reason=last.status.value), last]
        session = self._open(code, price, loaded)
        order = Order.open(
            merchant_id=session.merchant_id,
            order_id=session.order_id,
            session_id=session.public_id,
            at=loaded.now,
        )
        if sessions is None:
            sessions = CodeSessions.start(
                code_id=code.id,
                wallet_id=wallet.id,
                session_id=session.public_id,
                at=loaded.now,
            )
        else:
            sessions.open(session.public_id, at=loaded.now)
        self._claim(session, wallet, loaded)
        return Decision(session, [*ended, sessions, order, session])

    def _open(self, code: StaticCode, price: Money, loaded: Loaded) -> PaymentSession:
        merchant_id = ids.decode("mer", code.merchant_id)
        merchant = loaded.get(Merchant, merchant_id, "merchant")
        return PaymentSession.create(
            session_id=self.session_id,
            merchant_id=merchant.public_id,
            merchant_name=merchant.name,
            order_id=ORDER_PREFIX + ids.encode("ps", self.session_id),
            amount=price,
            at=loaded.now,
            description=code.label,
            fee=merchant.fee(price),
            static_code_id=code.public_id,
        )

    def _claims_again(
        self, last: PaymentSession, wallet: Wallet, price: Money, loaded: Loaded
    ) -> bool:
        """Claim the wallet's last session if it is open and of this amount; otherwise end it."""
        if last.status not in _UNENDED:
            return False
        if last.status in OPEN and loaded.reached(last.expires_at):
            last.expire(at=loaded.now)
            return False
        if last.amount == price:
            with suppress(ClaimsExhausted):  # after many releases a new session takes its place
                self._claim(last, wallet, loaded)
                return True
        last.cancel(by="payer", at=loaded.now)
        return False

    def _claim(self, session: PaymentSession, wallet: Wallet, loaded: Loaded) -> None:
        claim_session(
            session, wallet, loaded, claim_id=self.claim_id, lease_seconds=self.lease_seconds
        )
