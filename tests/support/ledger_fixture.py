"""A ledger with a merchant and a wallet app, and shorthands for the commands they send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from application.bus import Bus
from application.command import Command, Envelope, Outcome
from application.commands.cancel_session import CancelSession
from application.commands.create_session import CreateSession
from application.commands.expire_session import ExpireSession
from application.commands.open_wallet import OpenWallet
from application.commands.pay_session import PaySession
from application.commands.refund_session import RefundSession
from application.commands.register_merchant import RegisterMerchant
from application.commands.register_wallet_app import RegisterWalletApp
from application.commands.scan_session import ScanSession
from application.commands.top_up_wallet import TopUpWallet
from application.event_log import EventLog, fold, history
from domain import ids
from domain.errors import LedgerError
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from domain.payouts.debits import Credits
from domain.sessions.payment_session import PaymentSession
from domain.wallets.wallet import Wallet

PUBLIC_URL = "https://pay.example"
LEASE_SECONDS = 90


def envelope(
    command: Command, key: str = "", body: str = "", new_id: Callable[[], UUID] = uuid7
) -> Envelope:
    """A command in its envelope, with an idempotency key if one is given."""
    if not key:
        return Envelope(command=command, command_id=new_id(), actor="test")
    fingerprint = ids.derive("body", body).bytes
    return Envelope(
        command=command,
        command_id=ids.derive("key", key),
        actor="test",
        fingerprint=fingerprint,
    )


def codes(results: Sequence[Outcome | LedgerError]) -> list[str]:
    """The codes of the refusals among the results, `ok` for the others."""
    return [result.code if isinstance(result, LedgerError) else "ok" for result in results]


class LedgerFixture:
    """Sends commands through a bus of its own.

    Several fixtures may share a log, and with `like` also the merchant and the wallet app.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        like: LedgerFixture | None = None,
        new_id: Callable[[], UUID] = uuid7,
    ) -> None:
        self.new_id = new_id
        self.log = log
        self.bus = Bus(log)
        self.merchant_id: UUID = like.merchant_id if like else new_id()
        self.app_id: UUID = like.app_id if like else new_id()
        if like is None:
            self.send(
                RegisterMerchant(
                    merchant_id=self.merchant_id, name="Cafe", return_hosts=("shop.example",)
                )
            )
            self.send(RegisterWalletApp(wallet_app_id=self.app_id, name="App"))

    @property
    def merchant(self) -> str:
        return ids.encode("mer", self.merchant_id)

    @property
    def app(self) -> str:
        return ids.encode("app", self.app_id)

    def send(self, command: Command, key: str = "", body: str = "") -> Outcome:
        return self.bus.send(envelope(command, key, body, self.new_id))

    def try_send(self, command: Command, key: str = "", body: str = "") -> Outcome | str:
        """The outcome, or the code of the refusal."""
        try:
            return self.send(command, key, body)
        except LedgerError as refusal:
            return refusal.code

    def open_wallet(self, minor: int = 100_000, currency: str = "USD", app: str = "") -> UUID:
        wallet_id = self.new_id()
        self.send(
            OpenWallet(
                wallet_id=wallet_id,
                wallet_app_id=app or self.app,
                currency=CURRENCIES[currency],
            )
        )
        if minor:
            top_up = TopUpWallet(
                wallet_id=wallet_id, amount=Money(minor, currency), reference="funds"
            )
            self.send(top_up)
        return wallet_id

    def create(self, order_id: str | None = None, **facts: Any) -> CreateSession:
        session_id = self.new_id()
        return CreateSession(
            session_id=session_id,
            merchant_id=self.merchant_id,
            order_id=order_id or str(session_id),
            amount=facts.pop("amount", Money(1000, "USD")),
            **facts,
        )

    def create_session(self, order_id: str | None = None, **facts: Any) -> UUID:
        command = self.create(order_id, **facts)
        self.send(command)
        return command.session_id

    def scan(self, session_id: UUID, wallet_id: UUID, app: str = "") -> ScanSession:
        return ScanSession(
            session_id=session_id,
            wallet_id=wallet_id,
            wallet_app_id=app or self.app,
            claim_id=self.new_id(),
            lease_seconds=LEASE_SECONDS,
        )

    def claim_session(self, session_id: UUID, wallet_id: UUID) -> str:
        claim_id: str = self.send(self.scan(session_id, wallet_id)).subject.claim.id
        return claim_id

    def pay(
        self, session_id: UUID, wallet_id: UUID, claim_id: str, amount: Money | None = None
    ) -> PaySession:
        return PaySession(
            session_id=session_id,
            wallet_id=wallet_id,
            wallet_app_id=self.app,
            claim_id=claim_id,
            amount=amount or Money(1000, "USD"),
        )

    def refund(self, session_id: UUID, amount: Money, *, earned: int) -> RefundSession:
        return RefundSession(
            refund_id=self.new_id(),
            session_id=session_id,
            merchant_id=self.merchant_id,
            amount=amount,
            reason="cold",
            credits=Credits(earned, self.log.head()),
            credits_are_current=True,
        )

    def cancel(self, session_id: UUID) -> CancelSession:
        return CancelSession(session_id=session_id, merchant_id=self.merchant)

    def expire(self, session_id: UUID) -> ExpireSession:
        return ExpireSession(session_id=session_id)

    def session(self, session_id: UUID) -> PaymentSession:
        state: PaymentSession = self._state(session_id)
        return state

    def wallet(self, wallet_id: UUID) -> Wallet:
        state: Wallet = self._state(wallet_id)
        return state

    def _state(self, stream_id: UUID) -> Any:
        return fold(history(self.log, stream_id))
