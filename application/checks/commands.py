"""The events of one command: recorded together, complete, and with a receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from application.checks.fx_quotes import quotes_stream
from application.checks.payables import debits_stream
from application.checks.violation import Violations
from application.event_log import Receipt, Recorded
from domain import ids

COUNTERPARTS: Final = (
    ("captured", "paid", "money-conserved"),
    ("credited", "refunded", "money-conserved"),
    ("held", "authorising", "money-conserved"),
    ("let go", "ended unpaid", "money-conserved"),
    ("debited", "owed", "money-conserved"),
    ("restored", "undone", "one-restore-per-debit"),
    ("set aside", "funded", "legal-payouts"),
    ("used", "quoted", "one-use-per-quote"),
    ("opened", "created", "one-session-per-order"),
    ("released", "ended", "one-session-per-order"),
    ("opened by code", "created by code", "one-session-per-payer"),
)
"""Facts that one command records in pairs, and the invariant that a missing one breaks."""

_COUNTERPARTS: Final = {
    name: (other, invariant)
    for one, two, invariant in COUNTERPARTS
    for name, other in ((one, two), (two, one))
}


class CommandCheck:
    """Follows every event that can be read, command by command."""

    def __init__(
        self,
        violations: Violations,
        note: Callable[[UUID, tuple[int, int, datetime]], None] | None = None,
    ) -> None:
        """`note` takes every command's span in place of this check, which then has no receipts."""
        self.count = 0
        """Commands that recorded events."""
        self._violations = violations
        self._first: Recorded | None = None
        """The first readable event of the current command, and the last one so far."""
        self._last: Recorded | None = None
        self._facts: dict[str, list[tuple[str, ...]]] = {}
        self._spans: dict[UUID, tuple[int, int, datetime]] = {}
        """First position, last position and time of each command."""
        self._note = self.keep if note is None else note

    def begin(self, command_id: UUID) -> None:
        """End the current command if the next event belongs to another."""
        if self._first is not None:
            current = self._first.command_id
            if current is not command_id and current != command_id:
                self.end()

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Add an event to the current command."""
        first, self._last = self._first, recorded
        if first is None:
            self._first = recorded
        elif recorded.recorded_at is not first.recorded_at and (
            recorded.recorded_at != first.recorded_at
        ):
            times = f"{first.recorded_at}, then {recorded.recorded_at}"
            text = f"command {recorded.command_id}: {times}"
            self._violations.report("times-agree", text, recorded.position)
        find = _FACTS.get(recorded.topic)
        if find is not None:
            for fact in find(recorded.stream_id, event):
                self._facts.setdefault(fact[0], []).append(fact[1:])

    def end(self) -> None:
        """Check the current command as a whole."""
        first, last = self._first, self._last
        if first is None or last is None:
            return
        self._first = None
        command = first.command_id
        self._note(command, (first.position, last.position, first.recorded_at))
        self.count += 1
        if not self._facts:
            return
        facts, self._facts = self._facts, {}
        told, paid = facts.pop("told", []), facts.pop("payee", [])
        if not set(told) <= set(paid):
            text = f"command {command}: the payer was told {told}, paid was {paid}"
            self._violations.report("payees-agree", text, first.position)
        for name, found in facts.items():
            other, invariant = _COUNTERPARTS[name]
            expected = facts.get(other, [])
            if found != expected and sorted(found) != sorted(expected):
                self._violations.report(invariant, f"command {command}: {facts}", first.position)

    def keep(self, command: UUID, span: tuple[int, int, datetime]) -> None:
        """Keep the first position, the last position and the time of a command's events."""
        if command in self._spans:
            self._violations.report("receipts-agree", f"command {command} recorded twice")
        self._spans[command] = span

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


# What an event says that another event of its command must say too.


def _captured(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    wallet = ids.encode("wal", stream)
    yield ("captured", event.session_id, wallet, str(event.amount_minor), event.currency)
    if event.merchant_id is not None:
        yield ("told", event.session_id, event.merchant_id, event.merchant_name or "")


def _credited(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    amount = (str(event.amount_minor), event.currency)
    yield ("credited", event.session_id, ids.encode("wal", stream), event.refund_id, *amount)


def _paid(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    session = ids.encode("ps", stream)
    if event.funding == "wallet":
        amount = (str(event.payer_amount_minor), event.payer_currency)
        yield ("paid", session, event.wallet_id, *amount)
        yield ("payee", session, event.merchant_id, event.merchant_name)
    if event.quote_id is not None:
        yield ("quoted", str(quotes_stream(event.wallet_id, session)), event.quote_id)


def _held(name: str) -> Callable[[UUID, Any], Iterable[tuple[str, ...]]]:
    """The wallet's part in an attempt that a processor authorises."""

    def facts(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
        amount = (str(event.amount_minor), event.currency)
        yield (name, event.session_id, ids.encode("wal", stream), event.attempt_id, *amount)

    return facts


def _attempt(name: str) -> Callable[[UUID, Any], Iterable[tuple[str, ...]]]:
    """The session's part in it."""

    def facts(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
        if event.funding == "wallet":
            amount = (str(event.amount_minor), event.currency)
            yield (name, ids.encode("ps", stream), event.wallet_id, event.attempt_id, *amount)

    return facts


def _dispute(name: str) -> Callable[[UUID, Any], Iterable[tuple[str, ...]]]:
    """The merchant's part in a dispute, if it has any."""

    def facts(_: UUID, event: Any) -> Iterable[tuple[str, ...]]:
        if event.merchant_minor:
            stream = debits_stream(event.merchant_id, event.currency)
            yield (name, str(stream), "dispute", event.dispute_id, str(event.merchant_minor))

    return facts


def _accepted(_: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    """A session that is paid with late money takes its order again if it had ended."""
    if event.order_opened:
        yield ("created", event.session_id)


def _debited(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    yield ("debited", str(stream), event.kind, event.subject_id, str(event.amount_minor))


def _restored(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    yield ("restored", str(stream), event.kind, event.subject_id, str(event.amount_minor))


def _refund_requested(_: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    yield from _refund("owed", event)


def _refund_failed(_: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    yield from _refund("undone", event)


def _refund_succeeded(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    if not event.reserved:
        yield from _refund("owed", event)
    if event.wallet_id is not None and event.credited_minor:
        session, amount = ids.encode("ps", stream), str(event.credited_minor)
        yield ("refunded", session, event.wallet_id, event.refund_id, amount, event.payer_currency)


def _refund(name: str, event: Any) -> Iterable[tuple[str, ...]]:
    """The merchant's part in a refund, if it has any."""
    minor = event.amount_minor - event.fee_returned_minor
    if minor:
        stream = debits_stream(event.merchant_id, event.currency)
        yield (name, str(stream), "refund", event.refund_id, str(minor))


def _payout(name: str) -> Callable[[UUID, Any], Iterable[tuple[str, ...]]]:
    """The merchant's part in a payout."""

    def facts(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
        debits = debits_stream(event.merchant_id, event.currency)
        subject = ids.encode("pay", stream)
        yield (name, str(debits), "payout", subject, str(event.amount_minor))

    return facts


def _set_aside(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    yield ("set aside", str(stream), event.payout_id, str(event.amount_minor))


def _funded(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    treasury = ids.derive("treasury", event.currency)
    yield ("funded", str(treasury), ids.encode("pay", stream), str(event.amount_minor))


def _created(stream: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    session = ids.encode("ps", stream)
    yield ("created", session)
    if event.static_code_id is not None:
        yield ("created by code", session, event.static_code_id)


def _opened_by_code(_: UUID, event: Any) -> Iterable[tuple[str, ...]]:
    yield ("opened by code", event.session_id, event.static_code_id)


def _order(name: str) -> Callable[[UUID, Any], Iterable[tuple[str, ...]]]:
    return lambda _, event: ((name, event.session_id),)


def _session(name: str) -> Callable[[UUID, Any], Iterable[tuple[str, ...]]]:
    return lambda stream, _: ((name, ids.encode("ps", stream)),)


_FACTS: Final[Mapping[str, Callable[[UUID, Any], Iterable[tuple[str, ...]]]]] = {
    "wallet.captured": _captured,
    "wallet.credited": _credited,
    "payment_session.paid": _paid,
    "payable.debited": _debited,
    "payable.restored": _restored,
    "refund.requested": _refund_requested,
    "refund.succeeded": _refund_succeeded,
    "refund.failed": _refund_failed,
    "payout.requested": _payout("owed"),
    "payout.returned": _payout("undone"),
    "payout.funded": _funded,
    "treasury.payout_funded": _set_aside,
    "fx_quote.used": lambda stream, event: (("used", str(stream), event.quote_id),),
    "order.opened": _order("opened"),
    "order.released": _order("released"),
    "payment_session.created": _created,
    "code_session.opened": _opened_by_code,
    "payment_session.expired": _session("ended"),
    "payment_session.cancelled": _session("ended"),
    "payment_session.failed": _session("ended"),
    "payment_session.processing": _attempt("authorising"),
    "payment_session.declined": _attempt("ended unpaid"),
    "wallet.held": _held("held"),
    "wallet.released": _held("let go"),
    "dispute.opened": _dispute("owed"),
    "dispute.won": _dispute("undone"),
    "suspense.accepted": _accepted,
}
