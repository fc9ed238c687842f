"""What processors accept and whether they rest: `application.ports.processor_terms`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final

from application.ports.processor import AmountUnsupported
from domain.errors import LedgerError
from domain.money.money import Money
from domain.processors.errors import (
    AmountNotSupported,
    ProcessorUnavailable,
    SandboxInLiveLedger,
)
from infrastructure.processors import generic_psp, sandbox
from infrastructure.processors.sandbox_behaviours import choose
from infrastructure.processors.stripe_currencies import to_stripe

UNCONFIGURED_RETRY_SECONDS: Final = 60
"""How long a caller is told to wait for a processor that is not configured."""
MISSING_MAX: Final = 100
"""Names of processors that are not configured, of which the log has a line each."""
_log = logging.getLogger(__name__)


def _check_sandbox(amount: Money, behaviour: str) -> None:
    if choose(amount.minor, behaviour).unsupported:
        msg = "the sandbox cannot express this amount"
        raise AmountUnsupported(msg)


AMOUNT_CHECKS: Final[Mapping[str, Callable[[Money, str], object]]] = MappingProxyType(
    {
        sandbox.NAME: _check_sandbox,
        generic_psp.NAME: lambda _amount, _behaviour: None,  # its protocol has every minor unit
        "stripe": lambda amount, _behaviour: to_stripe(amount),
    }
)
"""What each adapter refuses before it sends anything."""


class ConfiguredTerms:
    """`ProcessorTerms` of the configured processors. Thread-safe."""

    def __init__(
        self,
        mode: str,
        configured: Collection[str],
        seconds_left: Callable[[str], int],
    ) -> None:
        """Know the processors.

        Args:
            mode: `live` or `test`.
            configured: their names.
            seconds_left: for how long a processor rests; 0 if it does not.
        """
        self._mode = mode
        self._configured = frozenset(configured)
        self._seconds_left = seconds_left
        self._missing: set[str] = set()

    def takes(self, processor: str, amount: Money, behaviour: str) -> bool:
        """See the port. A merchant's processor that is not configured is logged, once."""
        if processor not in self._configured and len(self._missing) < MISSING_MAX:
            if processor not in self._missing:
                _log.warning(
                    "a merchant has enabled the processor %s, which is not configured: "
                    "payers are not offered it", processor,
                )  # fmt: skip
            self._missing.add(processor)
        return self._lasting_refusal(processor, amount, behaviour) is None

    def refusal(self, processor: str, amount: Money, behaviour: str) -> LedgerError | None:
        """See the port."""
        if refused := self._lasting_refusal(processor, amount, behaviour):
            return refused
        if seconds := self._seconds_left(processor):
            return ProcessorUnavailable(processor=processor, retry_after_seconds=seconds)
        return None

    def _lasting_refusal(self, processor: str, amount: Money, behaviour: str) -> LedgerError | None:
        if processor == sandbox.NAME and self._mode != "test":
            return SandboxInLiveLedger(processor=processor)
        if processor not in self._configured:
            return ProcessorUnavailable(
                processor=processor, retry_after_seconds=UNCONFIGURED_RETRY_SECONDS
            )
        try:
            AMOUNT_CHECKS[processor](amount, behaviour)
        except AmountUnsupported:
            return AmountNotSupported(
                processor=processor, amount_minor=amount.minor, currency=amount.currency
            )
        return None
