"""The wallet: a payer's balance in one currency."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypedDict
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.money.currencies import Currency
from domain.money.money import AMOUNT_MINOR_MAX, Money, check_range, currency_in_use
from domain.wallets.account import WalletAccount
from domain.wallets.errors import BalanceLimit, InsufficientFunds, WalletCurrencyMismatch

BALANCE_MINOR_MAX: Final = 10**15
"""The largest balance of a wallet, in minor units; exact in every JSON parser."""


class Wallet(LedgerAggregate):
    """A balance that never goes below zero: topped up, and captured by payments.

    `held_minor` is reserved for payments whose processor has not responded yet; it is not part of
    the available balance.
    """

    TOPIC = "wallet"
    STATE_VERSION = 2

    class State(TypedDict):
        """The contents of a snapshot; raise `STATE_VERSION` with every change."""

        wallet_app_id: str
        currency: str
        exponent: int
        available_minor: int
        held_minor: int
        restricted: bool

    class Event(Aggregate.Event):
        """The base of a wallet's events."""

        TOPIC = "wallet.event"

    class Opened(Event, Aggregate.Created):
        """A wallet app opened the wallet for a payer."""

        TOPIC = "wallet.opened"
        wallet_app_id: str
        currency: str
        exponent: int

    class ToppedUp(Event):
        """Money was added to the wallet."""

        TOPIC = "wallet.topped_up"
        amount_minor: int
        currency: str
        exponent: int
        reference: str

        def apply(self, aggregate: Wallet) -> None:
            """Increase the available balance."""
            aggregate.available_minor += self.amount_minor

    class Captured(Event):
        """Money was taken to pay a session."""

        TOPIC = "wallet.captured"
        amount_minor: int
        currency: str
        exponent: int
        session_id: str
        source: str
        merchant_id: str | None
        """Who was paid; None in events of the first two versions, where the session says it."""
        merchant_name: str | None
        """Their name as the payer was shown it."""
        class_version = 3

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Captures of the first version were all from the available balance."""
            state["source"] = WalletAccount.AVAILABLE.value

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            """Captures of the second version do not say who was paid."""
            state.update(merchant_id=None, merchant_name=None)

        def apply(self, aggregate: Wallet) -> None:
            """Decrease the balance that it was taken from."""
            if self.source == WalletAccount.HELD.value:
                aggregate.held_minor -= self.amount_minor
            else:
                aggregate.available_minor -= self.amount_minor

    class Held(Event):
        """Money was reserved for an attempt that a processor has to authorise."""

        TOPIC = "wallet.held"
        amount_minor: int
        currency: str
        exponent: int
        session_id: str
        attempt_id: str

        def apply(self, aggregate: Wallet) -> None:
            """Move it from the available balance."""
            aggregate.available_minor -= self.amount_minor
            aggregate.held_minor += self.amount_minor

    class Released(Event):
        """The attempt ended without a payment, so the reserved money is available again."""

        TOPIC = "wallet.released"
        amount_minor: int
        currency: str
        exponent: int
        session_id: str
        attempt_id: str

        def apply(self, aggregate: Wallet) -> None:
            """Move it back."""
            aggregate.held_minor -= self.amount_minor
            aggregate.available_minor += self.amount_minor

    class Credited(Event):
        """Money of a refund was given back."""

        TOPIC = "wallet.credited"
        amount_minor: int
        currency: str
        exponent: int
        session_id: str
        refund_id: str

        def apply(self, aggregate: Wallet) -> None:
            """Increase the available balance."""
            aggregate.available_minor += self.amount_minor

    class Restricted(Event):
        """The holder's data had to be erased: the texts of the wallet are for auditors only.

        For good: also those of later events. No member says who asked, or why.
        """

        TOPIC = "wallet.restricted"

        def apply(self, aggregate: Wallet) -> None:
            """Mark the wallet."""
            aggregate.restricted = True

    @event(Opened)
    def __init__(self, wallet_app_id: str, currency: str, exponent: int) -> None:
        self.wallet_app_id = wallet_app_id
        self.currency = currency
        self.exponent = exponent
        self.available_minor = 0
        self.held_minor = 0
        self.restricted = False

    @classmethod
    def open(
        cls, *, wallet_id: UUID, wallet_app_id: str, currency: Currency, at: datetime
    ) -> Wallet:
        """Open an empty wallet in one currency.

        Raises:
            InvalidRequest: the currency has been withdrawn.
        """
        currency_in_use(currency.code)
        return cls._create(
            cls.Opened,
            id=wallet_id,
            timestamp=at,
            wallet_app_id=wallet_app_id,
            currency=currency.code,
            exponent=currency.exponent,
        )

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return ids.encode("wal", self.id)

    @property
    def available(self) -> Money:
        """The balance that can be spent now."""
        return Money(self.available_minor, self.currency)

    @property
    def held(self) -> Money:
        """The balance that is reserved and not yet captured."""
        return Money(self.held_minor, self.currency)

    def top_up(self, *, amount: Money, reference: str, at: datetime) -> None:
        """Add money.

        Args:
            amount: 1 to 999,999,999,999 minor units of the wallet's currency.
            reference: the bank's or operator's reference, unique per wallet (`TopUpReference`).
            at: the ledger's time, UTC.

        Raises (checked in this order):
            InvalidRequest: the amount is out of range.
            WalletCurrencyMismatch: the amount is in another currency.
            BalanceLimit: the balance would exceed 10^15 minor units.
        """
        self._check_amount(amount)
        if self.available_minor + self.held_minor + amount.minor > BALANCE_MINOR_MAX:
            raise BalanceLimit(wallet_id=self.public_id, limit_minor=BALANCE_MINOR_MAX)
        self.trigger_event(
            self.ToppedUp,
            amount_minor=amount.minor,
            currency=self.currency,
            exponent=self.exponent,
            reference=reference,
            timestamp=at,
        )

    def capture(
        self, *, amount: Money, session_id: str, merchant_id: str, merchant_name: str, at: datetime
    ) -> None:
        """Take money to pay a session of a merchant, named as the payer was shown it.

        Raises (checked in this order):
            InvalidRequest: the amount is zero, negative, or more than a wallet may hold. An amount
                converted from another currency may have more digits than a session's.
            WalletCurrencyMismatch: the amount is in another currency.
            InsufficientFunds: the available balance is less than the amount.
        """
        self._check_amount(amount, minor_max=BALANCE_MINOR_MAX)
        self._check_funds(amount)
        self.trigger_event(
            self.Captured,
            amount_minor=amount.minor,
            currency=self.currency,
            exponent=self.exponent,
            session_id=session_id,
            source=WalletAccount.AVAILABLE.value,
            merchant_id=merchant_id,
            merchant_name=merchant_name,
            timestamp=at,
        )

    def hold(self, *, amount: Money, session_id: str, attempt_id: str, at: datetime) -> None:
        """Reserve money for an attempt that a processor has to authorise.

        Raises (checked in this order):
            InvalidRequest: the amount is out of range.
            WalletCurrencyMismatch: the amount is in another currency.
            InsufficientFunds: the available balance is less than the amount.
        """
        self._check_amount(amount)
        self._check_funds(amount)
        self.trigger_event(
            self.Held,
            amount_minor=amount.minor,
            currency=self.currency,
            exponent=self.exponent,
            session_id=session_id,
            attempt_id=attempt_id,
            timestamp=at,
        )

    def capture_held(
        self, *, amount: Money, session_id: str, merchant_id: str, merchant_name: str, at: datetime
    ) -> None:
        """Take reserved money to pay its session; the caller makes sure that it is done once."""
        self.trigger_event(
            self.Captured,
            amount_minor=amount.minor,
            currency=self.currency,
            exponent=self.exponent,
            session_id=session_id,
            source=WalletAccount.HELD.value,
            merchant_id=merchant_id,
            merchant_name=merchant_name,
            timestamp=at,
        )

    def release(self, *, amount: Money, session_id: str, attempt_id: str, at: datetime) -> None:
        """Make reserved money available again; the caller makes sure that it is done once."""
        self.trigger_event(
            self.Released,
            amount_minor=amount.minor,
            currency=self.currency,
            exponent=self.exponent,
            session_id=session_id,
            attempt_id=attempt_id,
            timestamp=at,
        )

    def refund(self, *, amount: Money, session_id: str, refund_id: str, at: datetime) -> None:
        """Give money of a refund back; nothing for a share that is rounded down to zero.

        Not limited by the balance limit: the payer is owed it.

        Raises:
            WalletCurrencyMismatch: the amount is in another currency.
        """
        if amount.currency != self.currency:
            raise WalletCurrencyMismatch(
                wallet_currency=self.currency, asked_currency=amount.currency
            )
        if amount.minor:
            self.trigger_event(
                self.Credited,
                amount_minor=amount.minor,
                currency=self.currency,
                exponent=self.exponent,
                session_id=session_id,
                refund_id=refund_id,
                timestamp=at,
            )

    def restrict(self, *, at: datetime) -> bool:
        """Restrict the texts of the wallet; returns False if they are already."""
        if self.restricted:
            return False
        self.trigger_event(self.Restricted, timestamp=at)
        return True

    def _check_funds(self, amount: Money) -> None:
        if amount.minor > self.available_minor:
            raise InsufficientFunds(
                wallet_id=self.public_id, asked_minor=amount.minor, currency=amount.currency
            )

    def _check_amount(self, amount: Money, *, minor_max: int = AMOUNT_MINOR_MAX) -> None:
        check_range(amount.minor, minor_max=minor_max)
        if amount.currency != self.currency:
            raise WalletCurrencyMismatch(
                wallet_currency=self.currency, asked_currency=amount.currency
            )
