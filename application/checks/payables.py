"""What merchants and the treasury take out: covered by credits that the log really had by then."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids


class CreditSums:
    """The credits of one account: their sum at every position."""

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._sums: list[int] = [0]

    def add(self, position: int, minor: int) -> None:
        """Count a credit."""
        self._positions.append(position)
        self._sums.append(self._sums[-1] + minor)

    def at(self, position: int) -> int:
        """The sum of all credits up to a position."""
        return self._sums[bisect_right(self._positions, position)]


@dataclass(slots=True)
class Debits:
    """One stream of debits."""

    credits: CreditSums
    debited_minor: int = 0
    """Less what was restored, or moved in."""
    open: dict[tuple[str, str], int] = field(default_factory=dict)
    """What may still be restored, by kind and id."""
    closed: set[tuple[str, str]] = field(default_factory=set)
    """What was restored."""


class DebitChecks:
    """What the streams of merchants and of the treasury have in common."""

    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._credits: dict[UUID, CreditSums] = {}
        """By the stream of debits that they cover."""
        self._debits: dict[UUID, Debits] = {}

    def _earn(self, stream: UUID, position: int, minor: int) -> None:
        self._credits.setdefault(stream, CreditSums()).add(position, minor)

    def _open(self, recorded: Recorded, expected: UUID) -> None:
        if recorded.stream_id != expected or recorded.stream_id in self._debits:
            self._violations.report("credits-counted", f"{recorded.topic} in a stream of another")
        earned = self._credits.setdefault(recorded.stream_id, CreditSums())
        self._debits[recorded.stream_id] = Debits(earned)

    def _find(self, recorded: Recorded) -> Debits:
        found = self._debits.get(recorded.stream_id)
        if found is None:
            text = f"{recorded.topic} in a stream that was never opened"
            self._violations.report("credits-counted", text)
            found = self._debits[recorded.stream_id] = Debits(CreditSums())
        return found

    def _debit(self, recorded: Recorded, event: Any, name: tuple[str, str]) -> None:
        debits, position = self._find(recorded), event.credits_position
        counted = debits.credits.at(position)
        if not 0 <= position < recorded.position or counted != event.credits_minor:
            text = f"{' '.join(name)}: {event.credits_minor} at {position}, the log has {counted}"
            self._violations.report("credits-counted", text)
        if name in debits.open or name in debits.closed:
            self._violations.report("debits-within-credits", f"{' '.join(name)} debited twice")
        debits.debited_minor += event.amount_minor
        covered = debits.debited_minor <= event.credits_minor or name[0] == "dispute"
        if event.amount_minor < 1 or not covered:
            text = f"{' '.join(name)}: debits {debits.debited_minor}, credits {event.credits_minor}"
            self._violations.report("debits-within-credits", text)
        debits.open[name] = event.amount_minor

    def _restore(self, recorded: Recorded, event: Any, name: tuple[str, str]) -> None:
        debits = self._find(recorded)
        debited = debits.open.pop(name, None)
        if debited != event.amount_minor:
            text = f"{' '.join(name)}: {event.amount_minor} restored of {debited}"
            self._violations.report("one-restore-per-debit", text)
        debits.closed.add(name)
        debits.debited_minor -= event.amount_minor


class PayableCheck(DebitChecks):
    """Follows the debits of merchants; their credits are net payments, and nothing else."""

    follows: ClassVar[tuple[str, ...]] = ("payment_session.paid", "payable")

    def __init__(self, violations: Violations) -> None:
        super().__init__(violations)
        self._streams: dict[tuple[str, str], UUID] = {}

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event."""
        topic = recorded.topic
        if topic == "payment_session.paid":
            stream = self._stream(event.merchant_id, event.currency)
            self._earn(stream, recorded.position, event.amount_minor - event.fee_minor)
        elif topic == "payable.opened":
            self._open(recorded, self._stream(event.merchant_id, event.currency))
        elif topic == "payable.debited":
            self._debit(recorded, event, (event.kind, event.subject_id))
        elif topic == "payable.restored":
            self._restore(recorded, event, (event.kind, event.subject_id))

    def _stream(self, merchant_id: str, currency: str) -> UUID:
        key = (merchant_id, currency)
        if key not in self._streams:
            self._streams[key] = debits_stream(merchant_id, currency)
        return self._streams[key]


class TreasuryCheck(DebitChecks):
    """Follows what the treasury moves and funds; its credits are top-ups and settlements."""

    follows: ClassVar[tuple[str, ...]] = ("wallet.topped_up", "settlement.received", "treasury")

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event."""
        topic = recorded.topic
        if topic == "wallet.topped_up":
            stream = ids.derive("treasury", event.currency)
            self._earn(stream, recorded.position, event.amount_minor)
        elif topic == "settlement.received":
            stream = ids.derive("treasury", event.currency)
            self._earn(stream, recorded.position, event.received_minor)
        elif topic == "treasury.opened":
            self._open(recorded, ids.derive("treasury", event.currency))
        elif topic == "treasury.moved":
            self._move(recorded, event)
        elif topic == "treasury.payout_funded":
            self._debit(recorded, event, ("payout", event.payout_id))
        elif topic == "treasury.payout_returned":
            self._restore(recorded, event, ("payout", event.payout_id))

    def set_aside(self) -> set[str]:
        """The payouts for which money is set aside, or has left the bank."""
        return {subject for debits in self._debits.values() for _, subject in debits.open}

    def _move(self, recorded: Recorded, event: Any) -> None:
        debits = self._find(recorded)
        debits.debited_minor += -event.amount_minor if event.incoming else event.amount_minor
        covered = debits.credits.at(recorded.position)
        if not event.incoming and debits.debited_minor > covered:
            text = f"{event.reference}: {debits.debited_minor} taken out, {covered} put in"
            self._violations.report("debits-within-credits", text)


def debits_stream(merchant_id: str, currency: str) -> UUID:
    """The stream of a merchant's debits in a currency."""
    return ids.derive("merchant debits", ids.decode("mer", merchant_id).bytes, currency)
