"""Where a story is played: a test ledger with its workers, as its users reach it.

A story does what merchants, payers and operators do, and lets the workers do the rest: a processor
declines because the sandbox does, and a payout is settled because its bank says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.command import Command, Outcome
from domain.merchants.merchant import Merchant
from domain.payouts.debits import Credits


class StoryStuck(Exception):
    """What a story waits for was not recorded in time, as a rule because no worker runs."""


class Stage(Protocol):
    """A test ledger, and the merchant that a story is about."""

    @property
    def merchant_id(self) -> UUID:
        """The merchant's stream."""
        ...

    @property
    def wallet_app_id(self) -> str:
        """The app of the stories' wallets; `app_…`."""
        ...

    def new_id(self) -> UUID:
        """A new id."""
        ...

    def merchant(self) -> Merchant:
        """The merchant as it stands."""
        ...

    def send(self, step: str, command: Command) -> Outcome:
        """Send a command, and show the step with the subject's id.

        Raises:
            LedgerError: the command was refused.
        """
        ...

    def send_debit(self, step: str, currency: str, make: Callable[[Credits], Command]) -> Outcome:
        """Send a command that takes from the merchant's payable, when its credits are counted.

        Raises (checked in this order):
            NotCaughtUp: they were not counted in time.
            LedgerError: the command was refused.
        """
        ...

    def advance(self, seconds: int) -> None:
        """Advance the test clock."""
        ...

    def until(self, stream_id: UUID, topic: str, times: int = 1) -> None:
        """Wait until a stream has events of a topic.

        Raises:
            StoryStuck: it has not in time.
        """
        ...


@dataclass(frozen=True, slots=True)
class Story:
    """How an event of a type comes about."""

    tells: str
    """One line for lists."""
    play: Callable[[Stage], UUID]
    """Plays it; returns the stream that has the event."""
