"""The events of one command: recorded together, complete, and with a receipt."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Receipt, Recorded
from domain import ids

COUNTERPARTS: Final = (
    ("captured", "paid", "money-conserved"),
    ("opened", "created", "one-session-per-order"),
    ("released", "ended", "one-session-per-order"),
)
"""Facts that one command records in pairs, and the invariant that a missing one breaks."""


class CommandCheck:
    """Follows every event that can be read, command by command."""

    def __init__(self, violations: Violations) -> None:
        self.count = 0
        """Commands that recorded events."""
        self._violations = violations
        self._events: list[Recorded] = []
        self._facts: dict[str, list[tuple[str, ...]]] = {}
        self._spans: dict[UUID, tuple[int, int, datetime]] = {}
        """First position, last position and time of each command."""

    def begin(self, command_id: UUID) -> None:
        """End the current command if the next event belongs to another."""
        if self._events and self._events[-1].command_id != command_id:
            self.end()

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Add an event to the current command."""
        self._events.append(recorded)
        fact = _fact(recorded, event)
        if fact is not None:
            self._facts.setdefault(fact[0], []).append(fact[1:])

    def end(self) -> None:
        """Check the current command as a whole."""
        if not self._events:
            return
        events, self._events = self._events, []
        facts, self._facts = self._facts, {}
        first, last = events[0], events[-1]
        command = first.command_id
        if command in self._spans:
            self._violations.report("receipts-agree", f"command {command} recorded twice")
        self._spans[command] = (first.position, last.position, first.recorded_at)
        for recorded in events:
            if recorded.recorded_at != first.recorded_at:
                text = f"command {command}: {first.recorded_at}, then {recorded.recorded_at}"
                self._violations.report("times-agree", text, recorded.position)
        self.count += 1
        if not facts:
            return
        for one, other, invariant in COUNTERPARTS:
            if sorted(facts.get(one, ())) != sorted(facts.get(other, ())):
                self._violations.report(invariant, f"command {command}: {facts}")

    def finish(self, receipts: Iterable[Receipt] | None) -> None:
        """Check the last command, and every receipt against its events if receipts are given."""
        self.end()
        if receipts is None:
            return
        left = dict(self._spans)
        for receipt in receipts:
            span = left.pop(receipt.command_id, None)
            self._compare(receipt, span)
        for command, (first, _, _) in left.items():
            self._violations.report("receipts-agree", f"command {command} has no receipt", first)

    def _compare(self, receipt: Receipt, span: tuple[int, int, datetime] | None) -> None:
        name = f"receipt of {receipt.command_id}"
        stated = (receipt.first_position, receipt.last_position)
        actual = span[:2] if span else None
        position = span[0] if span else receipt.first_position
        if stated != (actual or (None, None)):
            text = f"{name}: {stated}, the log has {actual}"
            self._violations.report("receipts-agree", text, position)
        if span is not None and receipt.recorded_at != span[2]:
            text = f"{name}: {receipt.recorded_at}, not {span[2]}"
            self._violations.report("times-agree", text, position)
        if span is None and receipt.refusal is None and not receipt.fingerprint:
            text = f"{name} has neither events nor an idempotency key"
            self._violations.report("receipts-agree", text)


def _fact(recorded: Recorded, event: Any) -> tuple[str, ...] | None:
    """What an event says that another event of its command must say too."""
    topic, stream = recorded.topic, recorded.stream_id
    if topic == "wallet.captured":
        wallet = ids.encode("wal", stream)
        return ("captured", event.session_id, wallet, str(event.amount_minor), event.currency)
    if topic == "payment_session.paid":
        session = ids.encode("ps", stream)
        return ("paid", session, event.wallet_id, str(event.amount_minor), event.currency)
    if topic in {"order.opened", "order.released"}:
        return (topic.removeprefix("order."), event.session_id)
    if topic == "payment_session.created":
        return ("created", ids.encode("ps", stream))
    if topic in {"payment_session.expired", "payment_session.cancelled"}:
        return ("ended", ids.encode("ps", stream))
    return None
