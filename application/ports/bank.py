"""The bank that sends payouts: what the process requires of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from domain.money.money import Money

BANK_SECONDS_MAX: Final = 10.0
"""An adapter gives up after this and raises `NoAnswer`."""


class NoAnswer(Exception):
    """The bank has not answered, so nobody knows whether it has made the transfer.

    The text is stored and listed: it holds no secret.
    """


class TransferState(StrEnum):
    """What the bank says of a transfer."""

    PENDING = "pending"
    """Accepted, on its way."""
    SETTLED = "settled"
    """The money has left."""
    RETURNED = "returned"
    """The money has come back, also after it had settled."""
    REFUSED = "refused"
    """Not accepted; no money moves."""


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """A transfer to make."""

    key: str
    """The payout's id, the idempotency key: the same key is always the same transfer."""
    amount: Money
    destination: str
    """The operator's reference, which the adapter resolves to an account."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer as the bank sees it."""

    state: TransferState
    reference: str = ""
    """The bank's name of it."""
    reason: str = ""
    """Why it was refused or returned."""


class Bank(Protocol):
    """Sends money. Thread-safe; a call takes at most `BANK_SECONDS_MAX`."""

    def send(self, order: TransferOrder) -> Transfer:
        """Make a transfer; if its key is known already, say how that one stands.

        Raises:
            NoAnswer: see there. The same order may be sent again.
        """
        ...

    def status(self, order: TransferOrder) -> Transfer:
        """How a transfer stands; makes none, also if the bank does not know the key.

        Raises:
            NoAnswer: the bank has not answered, or does not know the transfer.
        """
        ...
