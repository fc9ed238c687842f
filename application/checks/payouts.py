"""Payouts: legal transitions, with the figures that were requested."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids

TRANSITIONS: Final[Mapping[str, frozenset[str]]] = {
    "funded": frozenset({"requested"}),
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
    """Merchant, amount, currency, exponent and destination."""
    position: int
    """Of its last event."""
    status: str = "requested"
    """`funded` is not one: a payout that is funded stays `requested` until it is sent."""
    funded: bool = False


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
            figures = (*_FIGURES(event), event.destination)
            self.facts[recorded.stream_id] = PayoutFacts(figures, recorded.position)
            return
        if payout is None:
            self._violations.report("legal-payouts", f"{recorded.topic} of no payout")
            return
        if payout.status not in TRANSITIONS.get(status, ()):
            self._violations.report("legal-payouts", f"{recorded.topic} after {payout.status}")
        if status == "funded":
            stated = (event.amount_minor, event.currency, event.exponent, event.destination)
            self._compare(payout.figures[1:], stated)
        elif status != "sent":
            self._compare(payout.figures[:-1], _FIGURES(event))
        if payout.funded is (status == "funded") and status in {"funded", "sent"}:
            text = f"{recorded.topic}, funded before: {payout.funded}"
            self._violations.report("legal-payouts", text)
        if status == "returned" and event.after_settlement != (payout.status == "settled"):
            text = f"after_settlement is {event.after_settlement} after {payout.status}"
            self._violations.report("legal-payouts", text)
        if status == "funded":
            payout.funded = True
        else:
            payout.status = status
        payout.position = recorded.position

    def finish(self, set_aside: Collection[str]) -> None:
        """Compare with the payouts for which the treasury has set money aside."""
        for stream, payout in self.facts.items():
            expected = payout.funded and payout.status != "returned"
            if expected != (ids.encode("pay", stream) in set_aside):
                text = f"{payout.status}, funded: {payout.funded}; the treasury differs"
                self._violations.report("legal-payouts", text, payout.position)

    def _compare(self, requested: tuple[Any, ...], stated: tuple[Any, ...]) -> None:
        if stated != requested:
            text = f"{stated}, {requested} was requested"
            self._violations.report("legal-payouts", text)
