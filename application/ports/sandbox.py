"""The callbacks that the sandbox processor of a test ledger is going to send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from application.ports.processor import Notice, State
from domain.money.money import Money


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A callback, signed by the sandbox and read like any processor's."""

    due_at: datetime
    notice: Notice
    sha256: bytes


class SandboxNotices(Protocol):
    """The sandbox's side of its callbacks. Thread-safe."""

    def notices(self, key: str) -> Sequence[DueNotice]:
        """Every callback of a charge, also those to come, in the order in which they are due."""
        ...


@dataclass(frozen=True, slots=True)
class AskedPayer:
    """A charge of the sandbox whose payer is asked on its page."""

    amount: Money
    state: State
    return_url: str
    """Where the payer goes afterwards: our own page, which reads the state."""


class SandboxPayers(Protocol):
    """The payer's side of the sandbox. Thread-safe."""

    def asked(self, reference: str) -> AskedPayer | None:
        """The charge of a reference; None if no payer is asked there."""
        ...

    def answer(self, reference: str, *, approved: bool) -> AskedPayer | None:
        """The payer's decision, which is called back at once; the first one counts.

        Raises:
            LogUnavailable: the callback is not stored.
        """
        ...
