"""The steps that stories share: a payer with money, a session, a payment, an attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.commands.create_session import CreateSession
from application.commands.open_wallet import OpenWallet
from application.commands.pay_session import PaySession
from application.commands.scan_session import ScanSession
from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.commands.top_up_wallet import TopUpWallet
from application.stories.stage import Stage
from domain import ids
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession

CURRENCY: Final = "USD"
PRICE_MINOR: Final = 2000
SANDBOX: Final = "sandbox"
EXPIRES_SECONDS: Final = 900
LEASE_SECONDS: Final = 90


@dataclass(frozen=True, slots=True)
class Scanned:
    """A session, and the wallet that holds its claim."""

    session_id: UUID
    wallet_id: UUID
    claim_id: str


def create(stage: Stage, digits: int = 0) -> UUID:
    """The merchant asks for USD 20; the sandbox goes by the last two digits of the amount."""
    session_id = stage.new_id()
    order_id = f"TRIGGER-{session_id.hex[-12:].upper()}"
    command = CreateSession(
        session_id=session_id,
        merchant_id=stage.merchant_id,
        order_id=order_id,
        amount=Money(PRICE_MINOR + digits, CURRENCY),
        expires_in_seconds=EXPIRES_SECONDS,
    )
    stage.send("the merchant asks for a payment", command)
    return session_id


def scan(stage: Stage) -> Scanned:
    """A payer with enough money scans a new session."""
    session_id, wallet_id = create(stage), stage.new_id()
    stage.send(
        "a payer opens a wallet",
        OpenWallet(
            wallet_id=wallet_id,
            wallet_app_id=stage.wallet_app_id,
            currency=CURRENCIES[CURRENCY],
        ),
    )
    funds = TopUpWallet(
        wallet_id=wallet_id, amount=Money(PRICE_MINOR, CURRENCY), reference="trigger"
    )
    stage.send("the wallet is topped up", funds)
    command = ScanSession(
        session_id=session_id,
        wallet_id=wallet_id,
        wallet_app_id=stage.wallet_app_id,
        claim_id=stage.new_id(),
        lease_seconds=LEASE_SECONDS,
    )
    claim = stage.send("the payer scans the code", command).subject.claim
    return Scanned(session_id, wallet_id, claim.id)


def pay(stage: Stage) -> UUID:
    """A payer pays a new session with its wallet."""
    scanned = scan(stage)
    command = PaySession(
        session_id=scanned.session_id,
        wallet_id=scanned.wallet_id,
        wallet_app_id=stage.wallet_app_id,
        claim_id=scanned.claim_id,
        amount=Money(PRICE_MINOR, CURRENCY),
    )
    stage.send("the payer pays", command)
    return scanned.session_id


def attempt(stage: Stage, session_id: UUID) -> UUID:
    """A payer starts to pay a session through the sandbox; returns the attempt."""
    processors = stage.merchant().processors
    if SANDBOX not in processors:
        command = SetProcessors(merchant_id=stage.merchant_id, processors=(*processors, SANDBOX))
        stage.send("the operator lets the merchant use the sandbox", command)
    attempt_id = stage.new_id()
    start = StartAttempt(attempt_id=attempt_id, session_id=session_id, processor=SANDBOX)
    stage.send("the payer chooses the sandbox", start)
    return attempt_id


def pay_through_sandbox(stage: Stage, digits: int = 0) -> UUID:
    """A payer pays a new session through the sandbox."""
    session_id = create(stage, digits)
    attempt(stage, session_id)
    stage.until(session_id, PaymentSession.Paid.TOPIC)
    return session_id


def public_merchant(stage: Stage) -> str:
    """The merchant's public id."""
    return ids.encode("mer", stage.merchant_id)
