"""Wallets: never below zero, money conserved, and one top-up per reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids

PAYEE_SINCE: Final = 3
"""The version of `wallet.captured` from which on it says who was paid."""


@dataclass(slots=True)
class WalletFacts:
    """A wallet, from its events."""

    currency: str
    available_minor: int = 0
    held_minor: int = 0


class WalletCheck:
    """Follows wallets and top-up references."""

    follows: ClassVar[tuple[str, ...]] = ("wallet", "top_up_reference")

    def __init__(self, violations: Violations) -> None:
        self.facts: dict[UUID, WalletFacts] = {}
        self._violations = violations
        self._topped_up: set[tuple[UUID, str]] = set()
        """Wallet and reference of every top-up."""
        self._used: set[tuple[UUID, str]] = set()
        """The same, from the streams of the references."""
        self._restricted: set[UUID] = set()

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event of a wallet, or of a reference, against those before it."""
        if recorded.topic == "top_up_reference.used":
            self._reference_used(event)
        elif recorded.topic == "wallet.opened":
            self.facts[recorded.stream_id] = WalletFacts(event.currency)
        elif recorded.topic == "wallet.restricted":
            self._restrict(recorded.stream_id)
        else:
            wallet = self.facts.get(recorded.stream_id)
            if wallet is None or wallet.currency != event.currency:
                text = f"{recorded.topic} of no wallet in this currency"
                self._violations.report("money-conserved", text)
            elif recorded.topic == "wallet.topped_up":
                self._top_up(wallet, recorded.stream_id, event)
            elif recorded.topic == "wallet.credited":
                wallet.available_minor += event.amount_minor
            elif recorded.topic == "wallet.captured":
                if recorded.schema_version >= PAYEE_SINCE and event.merchant_id is None:
                    self._violations.report("payees-agree", "it does not say who was paid")
                self._take(wallet, event.source, event.amount_minor)
            elif recorded.topic == "wallet.held":
                self._take(wallet, "available", event.amount_minor)
                wallet.held_minor += event.amount_minor
            else:
                self._take(wallet, "held", event.amount_minor)
                wallet.available_minor += event.amount_minor

    def finish(self, balances: Mapping[tuple[str, str], int]) -> None:
        """Compare the references, and every wallet with the books, which payments and refunds post.

        Args:
            balances: of the books, by account and currency.
        """
        # A reference with U+0000 could once be stored; it has no stream, and none can be requested.
        for wallet_id, reference in self._topped_up ^ self._used:
            if "\0" not in reference:
                text = f"wallet {wallet_id} and stream differ for {reference}"
                self._violations.report("one-top-up-per-reference", text)
        left = {key: minor for key, minor in balances.items() if key[0].startswith("wallet:")}
        for wallet_id, wallet in self.facts.items():
            name = ids.encode("wal", wallet_id)
            for part, minor in (("available", wallet.available_minor), ("held", wallet.held_minor)):
                posted = left.pop((f"wallet:{name}:{part}", wallet.currency), 0)
                if posted != minor:
                    text = f"{name}: {part} {minor} {wallet.currency}, in the books {posted}"
                    self._violations.report("money-conserved", text)
        for (account, currency), minor in left.items():
            text = f"{account}: {minor} {currency} in the books of no such wallet"
            self._violations.report("money-conserved", text)

    def _restrict(self, wallet_id: UUID) -> None:
        if wallet_id not in self.facts or wallet_id in self._restricted:
            self._violations.report("legal-transitions", "restricted before it is opened, or twice")
        self._restricted.add(wallet_id)

    def _top_up(self, wallet: WalletFacts, wallet_id: UUID, event: Any) -> None:
        name = (wallet_id, event.reference)
        if name in self._topped_up:
            text = f"topped up twice with {event.reference}"
            self._violations.report("one-top-up-per-reference", text)
        self._topped_up.add(name)
        wallet.available_minor += event.amount_minor

    def _take(self, wallet: WalletFacts, source: str, minor: int) -> None:
        if source == "held":
            wallet.held_minor -= minor
        else:
            wallet.available_minor -= minor
        if wallet.available_minor < 0 or wallet.held_minor < 0:
            text = f"a wallet has {wallet.available_minor}, and {wallet.held_minor} held"
            self._violations.report("money-conserved", text)

    def _reference_used(self, event: Any) -> None:
        name = (ids.decode("wal", event.wallet_id), event.reference)
        if name in self._used:
            text = f"{event.reference} was used twice"
            self._violations.report("one-top-up-per-reference", text)
        self._used.add(name)
