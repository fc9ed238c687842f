"""The treasury, administered on one log: what the operator moves, and what the bank holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from application.command import Outcome
from application.commands.move_treasury import MoveTreasury
from application.errors import CreditsNotCounted, NotCaughtUp
from application.ports.credits import AccountCredits
from application.reader import Reader
from domain import ids, text
from domain.accounting import chart
from domain.money.currencies import CURRENCIES
from domain.money.money import Money, check_amount
from domain.payouts.debits import Credits
from domain.treasury.treasury import MoveKind, Treasury
from infrastructure.accounts import AccountAdmin
from infrastructure.event_store.postgres_log import PostgresLog

CATCH_UP_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class CurrencyFunds:
    """Client money at the bank in one currency, in minor units."""

    currency: str
    topped_up_minor: int
    """All top-ups, as far as they have been counted."""
    moved_minor: int
    """Moved in by the house less moved out."""
    payouts_minor: int
    """Set aside for payouts or paid out, less what was returned."""
    available_minor: int
    """What can be moved out or set aside for payouts."""
    position: int
    """Up to which position of the log top-ups are counted."""


class TreasuryAdmin:
    """Sends the operator's movements, and reads the treasury of every currency."""

    def __init__(
        self,
        log: PostgresLog,
        admin: AccountAdmin,
        credits: AccountCredits,
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Administer the treasury.

        Args:
            log: the event log.
            admin: sends the commands.
            credits: counts the top-ups.
            wait: waits so many seconds.
        """
        self._event_log = log
        self._admin = admin
        self._credits = credits
        self._wait = wait

    def move(self, kind: MoveKind, amount: Money, *, incoming: bool, reference: str) -> Outcome:
        """Record a movement; the same one under the same reference is recorded once.

        Raises (checked in this order):
            InvalidRequest: see `Treasury.move`.
            TreasuryInsufficient: there is not as much to move out.
            NotCaughtUp: the top-ups were not counted within 5 s; nothing was recorded.
        """
        check_amount(amount.minor, amount.currency)
        text.check("reference", reference)

        def command(topped_up: Credits, *, current: bool) -> MoveTreasury:
            return MoveTreasury(
                kind=kind,
                amount=amount,
                incoming=incoming,
                reference=reference,
                credits=topped_up,
                credits_are_current=current,
            )

        direction = "in" if incoming else "out"
        facts = (kind.value, direction, amount.currency, str(amount.minor), reference)
        command_id = ids.derive("treasury move", *facts)
        topped_up = Credits(0, 0) if incoming else self._topped_up(amount.currency)
        try:
            return self._admin.send(command(topped_up, current=False), command_id)
        except CreditsNotCounted:
            head = self._event_log.head()
        for _ in range(round(CATCH_UP_SECONDS / POLL_SECONDS)):
            topped_up = self._topped_up(amount.currency)
            if topped_up.position >= head:
                return self._admin.send(command(topped_up, current=True), command_id)
            self._wait(POLL_SECONDS)
        raise NotCaughtUp(position=topped_up.position, at_least=head)

    def funds(self) -> list[CurrencyFunds]:
        """The money in every currency that was ever topped up or moved, by currency."""
        opened = {
            recorded.event.currency  # type: ignore[attr-defined]
            for recorded in self._event_log.of_topics((Treasury.Opened.TOPIC,))
        }
        found = []
        for currency in sorted(CURRENCIES):
            topped_up = self._topped_up(currency)
            if currency in opened or topped_up.minor:
                found.append(self._funds(currency, topped_up, opened=currency in opened))
        return found

    def _funds(self, currency: str, topped_up: Credits, *, opened: bool) -> CurrencyFunds:
        moved_minor = payouts_minor = 0
        if opened:
            reader = Reader(self._event_log)
            treasury = reader.get(Treasury, Treasury.stream_id(currency), "treasury").state
            moved_minor, payouts_minor = treasury.moved_minor, treasury.funded_minor
        return CurrencyFunds(
            currency=currency,
            topped_up_minor=topped_up.minor,
            moved_minor=moved_minor,
            payouts_minor=payouts_minor,
            available_minor=topped_up.minor + moved_minor - payouts_minor,
            position=topped_up.position,
        )

    def _topped_up(self, currency: str) -> Credits:
        return self._credits.credits(chart.BANK.of(), currency)
