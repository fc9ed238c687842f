"""Attempts and suspense: one attempt at a time, and every captured amount explained.

What a processor has captured is a payment, or in suspense; what is in suspense has been accepted,
returned, or is still there. At the end the books must hold the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids

ENDS: Final = frozenset({"captured", "declined", "voided"})
_NEXT: Final[Mapping[str, tuple[str, str]]] = {
    "suspense.return_requested": ("received", "return_requested"),
    "suspense.accepted": ("received", "accepted"),
    "suspense.returned": ("return_requested", "returned"),
}
"""The status that an event of an entry follows, and the one that it leads to."""


@dataclass(slots=True)
class AttemptFacts:
    """An attempt, from its events."""

    session_id: UUID
    processor: str
    funding: str
    amount_minor: int
    status: str = "active"


@dataclass(slots=True)
class EntryFacts:
    """A suspense entry, from its events."""

    processor: str
    amount_minor: int
    currency: str
    session_id: str | None
    attempt_id: str | None
    reason: str
    status: str = "received"


def compare_balances(
    expected: Mapping[tuple[str, str], int],
    balances: Mapping[tuple[str, str], int],
    violations: Violations,
) -> None:
    """Compare what is in suspense, and what processors owe, with the books."""
    for key, posted in balances.items():
        account, currency = key
        owed = account.startswith("processor:") and account.endswith(":receivable")
        if (owed or account == "suspense") and posted != expected.get(key, 0):
            invariant = "receivable-explained" if owed else "suspense-explained"
            text = f"{account}: {posted} {currency} in the books, not {expected.get(key, 0)}"
            violations.report(invariant, text)


class AttemptCheck:
    """Follows attempts and suspense entries."""

    follows: ClassVar[tuple[str, ...]] = ("payment_session", "attempt", "suspense", "refund",
                                          "dispute", "settlement")  # fmt: skip

    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._attempts: dict[str, AttemptFacts] = {}
        self._active: dict[UUID, str] = {}
        """The attempt of each session whose end is not known."""
        self.entries: dict[UUID, EntryFacts] = {}
        self._accepted: dict[str, str] = {}
        """The attempt whose late money was accepted, by session."""
        self._receivable: dict[tuple[str, str], int] = {}
        """By processor and currency: captured, less what was settled, returned or taken back."""
        self._checks: Mapping[str, Callable[[Recorded, Any], None]] = {
            "payment_session.processing": self._begin,
            "attempt.accepted": self._known,
            "attempt.unanswered": self._known,
            "attempt.void_requested": self._known,
            "attempt.resolved": self._known,
            "payment_session.declined": lambda _, event: self._end(event.attempt_id, event.outcome),
            "payment_session.paid": self._paid,
            "payment_session.flagged": self._captured,
            "suspense.received": self._received,
            "suspense.return_requested": self._moved,
            "suspense.accepted": self._moved,
            "suspense.returned": self._moved,
            "settlement.received": self._settled,
            "refund.succeeded": self._refunded,
            "dispute.opened": lambda _, event: self._owe(event, -event.amount_minor),
            "dispute.won": lambda _, event: self._owe(event, event.amount_minor),
        }

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event."""
        check = self._checks.get(recorded.topic)
        if check is not None:
            check(recorded, event)

    def finish(self, balances: Mapping[tuple[str, str], int]) -> None:
        """Compare with the books.

        Args:
            balances: of the books, by account and currency.
        """
        compare_balances(self.expected(), balances, self._violations)

    def expected(self) -> dict[tuple[str, str], int]:
        """What the books must hold, by account and currency, as far as these events go."""
        expected: dict[tuple[str, str], int] = {}
        for entry in self.entries.values():
            open_minor = (
                entry.amount_minor if entry.status in {"received", "return_requested"} else 0
            )
            key = ("suspense", entry.currency)
            expected[key] = expected.get(key, 0) + open_minor
        for (processor, currency), minor in self._receivable.items():
            expected[f"processor:{processor}:receivable", currency] = minor
        return expected

    def _owe(self, event: Any, minor: int) -> None:
        key = (event.processor, event.currency)
        self._receivable[key] = self._receivable.get(key, 0) + minor

    def _begin(self, recorded: Recorded, event: Any) -> None:
        if recorded.stream_id in self._active or event.attempt_id in self._attempts:
            text = f"{event.attempt_id} began while another attempt had no end, or began twice"
            self._violations.report("one-open-attempt", text)
        self._active[recorded.stream_id] = event.attempt_id
        facts = AttemptFacts(recorded.stream_id, event.processor, event.funding, event.amount_minor)
        self._attempts[event.attempt_id] = facts

    def _end(self, attempt_id: str, status: str) -> None:
        attempt = self._attempts.get(attempt_id)
        if attempt is None or attempt.status != "active" or status not in ENDS:
            self._violations.report("one-open-attempt", f"{attempt_id} ended twice, or never began")
            return
        attempt.status = status
        self._active.pop(attempt.session_id, None)

    def _known(self, recorded: Recorded, event: Any) -> None:
        attempt = self._attempts.get(event.attempt_id)
        if attempt is None or attempt.session_id != recorded.stream_id:
            self._violations.report("one-open-attempt", f"{recorded.topic} of no attempt")

    def _settled(self, _: Recorded, event: Any) -> None:
        self._owe(event, -event.received_minor - event.fee_minor)
        if event.gross_minor != event.fee_minor + event.received_minor + event.difference_minor:
            text = f"settlement {event.reference}: the difference is wrong"
            self._violations.report("receivable-explained", text)

    def _refunded(self, _: Recorded, event: Any) -> None:
        if event.processor is not None:
            self._owe(event, -event.credited_minor)

    def _paid(self, recorded: Recorded, event: Any) -> None:
        if event.attempt_id is None:
            return
        attempt = self._attempts.get(event.attempt_id)
        if attempt is None or attempt.session_id != recorded.stream_id:
            self._violations.report("one-open-attempt", f"paid by {event.attempt_id}, no attempt")
            return
        if (attempt.processor, attempt.funding) != (event.processor, event.funding):
            self._violations.report("one-open-attempt", f"{event.attempt_id} paid in another way")
        if attempt.status == "active":
            self._end(event.attempt_id, "captured")
        elif self._accepted.get(ids.encode("ps", recorded.stream_id)) != event.attempt_id:
            text = f"{event.attempt_id} paid after its end, without money in suspense"
            self._violations.report("one-open-attempt", text)
        if event.funding == "processor":
            self._owe(event, event.payer_amount_minor)

    def _captured(self, _: Recorded, event: Any) -> None:
        """Captured money that is not the payment, or not all of it, is in suspense."""
        if not event.captured_minor:
            return
        attempt = self._attempts.get(event.subject_id)
        entry = self.entries.get(ids.decode("sus", event.suspense_id or ""))
        if attempt is None or entry is None:
            text = f"{event.subject_id}: {event.captured_minor} captured, and not in suspense"
            self._violations.report("suspense-explained", text)
            return
        if attempt.status == "active":
            if event.flag in {"late", "duplicate"}:
                text = f"{event.subject_id} is {event.flag} and has no end"
                self._violations.report("one-open-attempt", text)
            self._end(event.subject_id, "captured")
        attempt.status = "captured"
        rest = event.captured_minor - (attempt.amount_minor if event.flag == "over" else 0)
        if (entry.amount_minor, entry.currency) != (rest, event.currency):
            text = f"{event.subject_id}: {entry.amount_minor} of {rest} in suspense"
            self._violations.report("suspense-explained", text)

    def _received(self, recorded: Recorded, event: Any) -> None:
        expected = ids.derive("suspense", event.processor, event.reference)
        if recorded.stream_id != expected or recorded.stream_id in self.entries:
            text = f"{event.reference} of {event.processor} is in suspense twice"
            self._violations.report("suspense-explained", text)
        self.entries[recorded.stream_id] = EntryFacts(
            event.processor, event.amount_minor, event.currency, event.session_id,
            event.attempt_id, event.reason,
        )  # fmt: skip
        self._owe(event, event.amount_minor)

    def _moved(self, recorded: Recorded, event: Any) -> None:
        entry = self.entries.get(recorded.stream_id)
        before, after = _NEXT[recorded.topic]
        figures = (event.processor, event.amount_minor, event.currency)
        if entry is None or entry.status != before:
            self._violations.report("suspense-explained", f"{recorded.topic} of no such entry")
            return
        if figures != (entry.processor, entry.amount_minor, entry.currency):
            self._violations.report("suspense-explained", f"{recorded.topic} with other figures")
        entry.status = after
        if after in {"accepted", "returned"}:
            self._owe(event, -event.amount_minor)
        if after == "accepted" and entry.session_id and entry.attempt_id:
            self._accepted[entry.session_id] = entry.attempt_id
