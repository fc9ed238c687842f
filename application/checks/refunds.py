"""Refunds: never more than was paid, and every share by the formula."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded

_OWN: Final = attrgetter(
    "amount_minor", "fee_returned_minor", "credited_minor", "spread_returned_minor", "reason"
)
"""What a refund states again when it ends."""
_OF_PAYMENT: Final = attrgetter(
    "merchant_id", "wallet_id", "processor", "currency", "exponent", "payer_currency",
    "payer_exponent",
)  # fmt: skip
"""What a refund repeats of its payment."""


@dataclass(slots=True)
class Payment:
    """The figures of a payment that refunds are computed from, and what they have taken so far."""

    facts: tuple[Any, ...]
    amount_minor: int
    totals: tuple[int, int, int]
    """What is returned in all: to the payer, of the spread, of the fee."""
    taken: tuple[int, int, int] = (0, 0, 0)
    """The same, of all refunds that have not failed."""
    counted_minor: int = 0
    """Refunds that have not failed."""
    succeeded_minor: int = 0
    pending: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    disputed_minor: int = 0
    """The merchant's part of disputes that are not won."""
    disputes: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    """The figures of each open dispute; None: it has ended."""


class RefundCheck:
    """Follows the refunds of every session."""

    follows: ClassVar[tuple[str, ...]] = (
        "payment_session.created", "payment_session.paid", "refund", "dispute",
    )  # fmt: skip

    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._kept: set[UUID] = set()
        """Sessions whose fee is kept when they are refunded."""
        self._payments: dict[UUID, Payment] = {}

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event of a session."""
        topic, stream = recorded.topic, recorded.stream_id
        if topic == "payment_session.created":
            if event.fee_refund_policy == "kept":
                self._kept.add(stream)
        elif topic == "payment_session.paid":
            fee = 0 if stream in self._kept else event.fee_minor
            totals = (event.payer_amount_minor, event.spread_minor, fee)
            # What a processor took goes back through it; what a wallet paid, to the wallet.
            through = event.funding == "processor"
            payer = (None, event.processor) if through else (event.wallet_id, None)
            facts = (event.merchant_id, *payer, *_OF_PAYMENT(event)[3:])
            self._payments[stream] = Payment(facts, event.amount_minor, totals)
        elif topic.startswith("refund."):
            self._refund(recorded, event)
        else:
            self._dispute(recorded, event)

    def _refund(self, recorded: Recorded, event: Any) -> None:
        payment = self._payments.get(recorded.stream_id)
        if payment is None:
            self._violations.report("refunds-within-paid", f"{event.refund_id}: nothing was paid")
            return
        if recorded.topic == "refund.resolved":
            if event.refund_id not in payment.pending:
                text = f"{event.refund_id} was resolved, and is not pending"
                self._violations.report("refunds-within-paid", text)
            return
        if _OF_PAYMENT(event) != payment.facts:
            text = f"{event.refund_id} names another merchant, payer or currency than its payment"
            self._violations.report("refunds-within-paid", text)
        own = _OWN(event)
        if recorded.topic == "refund.requested":
            self._begin(payment, event)
            payment.pending[event.refund_id] = own
            return
        succeeded = recorded.topic == "refund.succeeded"
        if succeeded and not event.reserved:
            self._begin(payment, event)
        elif payment.pending.pop(event.refund_id, None) != own:
            text = f"{event.refund_id} ends with other figures than it began with, or never began"
            self._violations.report("refund-shares", text)
        payment.ended.add(event.refund_id)
        if succeeded:
            payment.succeeded_minor += event.amount_minor
            if event.refunded_minor != payment.succeeded_minor:
                text = f"{event.refund_id}: {event.refunded_minor}, not {payment.succeeded_minor}"
                self._violations.report("refund-shares", f"{text}, refunded so far")
            return
        payment.counted_minor -= event.amount_minor
        payment.taken = _add(payment.taken, event, -1)

    def _dispute(self, recorded: Recorded, event: Any) -> None:
        """Disputes: each with the same figures to its end, and never beyond what is left."""
        payment = self._payments.get(recorded.stream_id)
        own = (event.amount_minor, event.merchant_minor)
        if payment is None:
            self._violations.report("refunds-within-paid", f"{event.dispute_id}: nothing was paid")
            return
        if recorded.topic == "dispute.opened":
            left = payment.amount_minor - payment.counted_minor - payment.disputed_minor
            payment.disputed_minor += event.merchant_minor
            new = event.dispute_id not in payment.disputes
            if not (new and event.merchant_minor == min(event.amount_minor, left)):
                text = f"{event.dispute_id}: {own} of {left}, or opened twice"
                self._violations.report("refunds-within-paid", text)
        elif payment.disputes.get(event.dispute_id) != own:
            text = f"{event.dispute_id} ends with other figures, twice, or never began"
            self._violations.report("refunds-within-paid", text)
        elif recorded.topic == "dispute.won":
            payment.disputed_minor -= event.merchant_minor
        payment.disputes[event.dispute_id] = own if recorded.topic == "dispute.opened" else None
        if event.disputed_minor != payment.disputed_minor:
            text = f"{event.dispute_id}: {event.disputed_minor}, not {payment.disputed_minor}"
            self._violations.report("refunds-within-paid", text)

    def _begin(self, payment: Payment, event: Any) -> None:
        """Check a new refund: its total, and its shares of the totals."""
        refund = event.refund_id
        if refund in payment.pending or refund in payment.ended:
            self._violations.report("refunds-within-paid", f"{refund} began twice")
        counted = payment.counted_minor = payment.counted_minor + event.amount_minor
        if event.amount_minor < 1 or counted + payment.disputed_minor > payment.amount_minor:
            text = f"{refund} of {event.amount_minor}: {counted} of {payment.amount_minor} paid"
            self._violations.report("refunds-within-paid", text)
        expected = tuple(
            max(0, total * counted // payment.amount_minor - taken)
            for total, taken in zip(payment.totals, payment.taken, strict=True)
        )
        actual = _shares(event)
        if actual != expected:
            text = f"{refund}: payer, spread and fee get {actual}, not {expected}"
            self._violations.report("refund-shares", text)
        payment.taken = _add(payment.taken, event, 1)


def _shares(event: Any) -> tuple[int, int, int]:
    return (event.credited_minor, event.spread_returned_minor, event.fee_returned_minor)


def _add(taken: tuple[int, int, int], event: Any, sign: int) -> tuple[int, int, int]:
    credited, spread, fee = _shares(event)
    return (taken[0] + sign * credited, taken[1] + sign * spread, taken[2] + sign * fee)
