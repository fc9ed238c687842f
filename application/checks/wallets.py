"""Wallets: never below zero, money conserved, and one top-up per reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids


@dataclass(slots=True)
class WalletFacts:
    """A wallet, from its events."""

    currency: str
    available_minor: int = 0


class WalletCheck:
    """Follows wallets and top-up references."""

    aggregates: ClassVar[tuple[str, ...]] = ("wallet", "top_up_reference")

    def __init__(self, violations: Violations) -> None:
        self.facts: dict[UUID, WalletFacts] = {}
        self.topped_up_minor: dict[str, int] = {}
        """The sum of all top-ups, by currency."""
        self._violations = violations
        self._topped_up: set[tuple[UUID, str]] = set()
        """Wallet and reference of every top-up."""
        self._used: set[tuple[UUID, str]] = set()
        """The same, from the streams of the references."""

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event of a wallet, or of a reference, against those before it."""
        if recorded.topic == "top_up_reference.used":
            self._reference_used(event)
        elif recorded.topic == "wallet.opened":
            self.facts[recorded.stream_id] = WalletFacts(event.currency)
        elif recorded.topic in {"wallet.topped_up", "wallet.captured"}:
            wallet = self.facts.get(recorded.stream_id)
            if wallet is None or wallet.currency != event.currency:
                text = f"{recorded.topic} of no wallet in this currency"
                self._violations.report("money-conserved", text)
            elif recorded.topic == "wallet.topped_up":
                self._top_up(wallet, recorded.stream_id, event)
            else:
                self._capture(wallet, event)

    def finish(self, paid_minor: Mapping[str, int]) -> None:
        """Compare the references, and all that was topped up with what was paid and what is left.

        Args:
            paid_minor: the sum of all payments, by currency.
        """
        # A reference with U+0000 could once be stored; it has no stream, and none can be requested.
        for wallet_id, reference in self._topped_up ^ self._used:
            if "\0" not in reference:
                text = f"wallet {wallet_id} and stream differ for {reference}"
                self._violations.report("one-top-up-per-reference", text)
        balances: dict[str, int] = {}
        for wallet in self.facts.values():
            balances[wallet.currency] = balances.get(wallet.currency, 0) + wallet.available_minor
        for currency in sorted(self.topped_up_minor.keys() | paid_minor.keys() | balances.keys()):
            topped_up, paid = self.topped_up_minor.get(currency, 0), paid_minor.get(currency, 0)
            balance = balances.get(currency, 0)
            if topped_up != paid + balance:
                text = f"{currency}: topped up {topped_up}, paid {paid}, balances {balance}"
                self._violations.report("money-conserved", text)

    def _top_up(self, wallet: WalletFacts, wallet_id: UUID, event: Any) -> None:
        name = (wallet_id, event.reference)
        if name in self._topped_up:
            text = f"topped up twice with {event.reference}"
            self._violations.report("one-top-up-per-reference", text)
        self._topped_up.add(name)
        wallet.available_minor += event.amount_minor
        before = self.topped_up_minor.get(event.currency, 0)
        self.topped_up_minor[event.currency] = before + event.amount_minor

    def _capture(self, wallet: WalletFacts, event: Any) -> None:
        wallet.available_minor -= event.amount_minor
        if wallet.available_minor < 0:
            text = f"the balance of a wallet is {wallet.available_minor}"
            self._violations.report("money-conserved", text)

    def _reference_used(self, event: Any) -> None:
        name = (ids.decode("wal", event.wallet_id), event.reference)
        if name in self._used:
            text = f"{event.reference} was used twice"
            self._violations.report("one-top-up-per-reference", text)
        self._used.add(name)
