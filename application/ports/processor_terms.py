"""What is known about processors without calling one: asked before an attempt begins."""

from __future__ import annotations

from typing import Protocol

from domain.errors import LedgerError
from domain.money.money import Money


class ProcessorTerms(Protocol):
    """Says whether a processor can take a payment. Thread-safe; calls no processor."""

    def takes(self, processor: str, amount: Money, behaviour: str) -> bool:
        """Whether payers may be offered it, by all that `refusal` checks but the rest."""
        ...

    def refusal(self, processor: str, amount: Money, behaviour: str) -> LedgerError | None:
        """Why an attempt would be in vain; None if nothing is known against it.

        Args:
            processor: its name, in any spelling.
            amount: of the session.
            behaviour: what the sandbox is asked to do; see `Charge`.

        Returns (checked in this order):
            SandboxInLiveLedger: see there.
            ProcessorUnavailable: it is not configured.
            AmountNotSupported: see there.
            ProcessorUnavailable: it is given a rest, because it does not answer.

        Raises:
            LogUnavailable: the database cannot be asked.
        """
        ...
