"""Payouts: legal transitions, with the figures that were requested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded

TRANSITIONS: Final[Mapping[str, frozenset[str]]] = {
    "sent": frozenset({"requested"}),
    "settled": frozenset({"sent"}),
    "returned": frozenset({"requested", "sent", "settled"}),
}
"""The statuses that each later status may follow."""
_FIGURES: Final = attrgetter("merchant_id", "amount_minor", "currency", "exponent")


@dataclass(slots=True)
class PayoutFacts:
    """A payout, from its events."""

    figures: tuple[Any, ...]
    """Merchant, amount, currency and exponent."""
    position: int
    """Of its last event."""
    version: int = 1
    status: str = "requested"


class PayoutCheck:
    """Follows payouts."""

    follows: ClassVar[tuple[str, ...]] = ("payout",)

    def __init__(self, violations: Violations) -> None:
        self.facts: dict[UUID, PayoutFacts] = {}
        self._violations = violations

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event of a payout against those before it."""
        status = recorded.topic.removeprefix("payout.")
        payout = self.facts.get(recorded.stream_id)
        if status == "requested":
            if payout is not None:
                self._violations.report("legal-payouts", "requested twice")
            figures = _FIGURES(event)
            self.facts[recorded.stream_id] = PayoutFacts(figures, recorded.position)
            return
        if payout is None:
            self._violations.report("legal-payouts", f"{recorded.topic} of no payout")
            return
        if payout.status not in TRANSITIONS.get(status, ()):
            self._violations.report("legal-payouts", f"{recorded.topic} after {payout.status}")
        if status != "sent":
            stated = _FIGURES(event)
            if stated != payout.figures:
                text = f"{recorded.topic} of {stated}, {payout.figures} was requested"
                self._violations.report("legal-payouts", text)
        if status == "returned" and event.after_settlement != (payout.status == "settled"):
            text = f"after_settlement is {event.after_settlement} after {payout.status}"
            self._violations.report("legal-payouts", text)
        payout.status = status
        payout.version, payout.position = recorded.version, recorded.position
