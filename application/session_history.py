"""The history of a session as rows in the order of time: what its picture and its table show.

    session's events ─┐
    recorded refusals ├─▶ facts ─▶ first and last rows ─▶ + webhook attempts ─▶ `SessionHistory`
    deadline, leases ─┘

Deadlines and leases end without an event, so their rows are made from the events before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from application.event_log import STREAM_EVENTS_MAX, EventLog, Recorded
from application.ports.webhooks import (
    Attempt,
    Delivery,
    DeliveryStatus,
    DeliveryStore,
    delivery_id,
)
from application.positions import Moment
from domain import ids
from domain.merchants.webhook_endpoint import CALLBACK, WebhookEndpoints
from domain.personal_data import restricted
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refusals import SessionRefusals
from domain.sessions.state import OPEN, Claim, Status

EVENTS_SHOWN_MAX: Final = 30
"""Rows of a picture without those of notices: of a longer history the first and the last half."""
NOTICES_SHOWN_MAX: Final = 15
"""Rows of webhook attempts: the earliest ones."""
DELIVERIES_MAX: Final = 200
"""Deliveries of one session that are looked at."""
TARGETS_MAX: Final = 100
"""Endpoints of a merchant, deleted ones included, whose deliveries are looked for: the latest."""
DEADLINE: Final = "deadline"
LEASE: Final = "lease"
NOTICE: Final = "notice"


class Lane(StrEnum):
    """What a row is about; a row may be about several."""

    STATE = "state"
    CLAIM = "claim"
    LOSER = "loser"
    MONEY = "money"
    NOTICE = "notice"


class Mark(StrEnum):
    """How a row is drawn in a lane."""

    STATE = "state"
    END = "end"
    CLOCK = "clock"
    """Nothing was recorded: a time was reached."""
    CLAIM = "claim"
    RELEASED = "released"
    LOST = "lost"
    ATTEMPT = "attempt"
    UNDONE = "undone"
    """An attempt or refund that came to nothing."""
    INTO = "into"
    OUT = "out"
    FLAG = "flag"
    TOLD = "told"
    UNTOLD = "untold"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One row."""

    at: datetime
    kind: str
    """The type of the event; or `deadline`, `lease` or `notice`."""
    marks: Mapping[Lane, Mark]
    values: Mapping[str, Any]
    """The fields of the event, or what is known instead."""
    position: int | None = None
    """None: it is not in the log."""
    event_id: UUID | None = None
    status: Status | None = None
    """Of the session from this row on; None: as before."""
    claim: Claim | None = None
    """Of the session from this row on, if `status` is given."""

    @property
    def order(self) -> tuple[datetime, int, int]:
        """By time; at the same time what the clock does, then the log, then notices."""
        place = 1 if self.position is not None else 2 if self.kind == NOTICE else 0
        return self.at, place, self.position or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHistory:
    """What is shown of a session."""

    session: PaymentSession
    moment: Moment
    """Up to which it is shown."""
    before: Sequence[Fact]
    after: Sequence[Fact] = ()
    """What follows those left out."""
    left_out: int = 0
    """Rows between `before` and `after`."""
    more_events: bool = False
    """Whether there are events beyond those that were read."""
    more_notices: bool = False

    @property
    def facts(self) -> list[Fact]:
        """Every row that is shown."""
        return [*self.before, *self.after]


MARKS: Final[Mapping[str, Mapping[Lane, Mark]]] = {
    "payment_session.created": {Lane.STATE: Mark.STATE},
    "payment_session.scanned": {Lane.STATE: Mark.STATE, Lane.CLAIM: Mark.CLAIM},
    "payment_session.claim_released": {Lane.STATE: Mark.STATE, Lane.CLAIM: Mark.RELEASED},
    "payment_session.processing": {Lane.STATE: Mark.STATE, Lane.MONEY: Mark.ATTEMPT},
    "payment_session.paid": {Lane.STATE: Mark.END, Lane.MONEY: Mark.INTO},
    "payment_session.declined": {Lane.STATE: Mark.STATE, Lane.MONEY: Mark.UNDONE},
    "payment_session.expired": {Lane.STATE: Mark.END},
    "payment_session.cancelled": {Lane.STATE: Mark.END},
    "payment_session.failed": {Lane.STATE: Mark.END},
    "payment_session.flagged": {Lane.MONEY: Mark.FLAG},
    "payment_session.restricted": {Lane.STATE: Mark.STATE},
    "attempt.accepted": {Lane.MONEY: Mark.ATTEMPT},
    "attempt.unanswered": {Lane.MONEY: Mark.ATTEMPT},
    "attempt.void_requested": {Lane.MONEY: Mark.ATTEMPT},
    "attempt.resolved": {Lane.MONEY: Mark.ATTEMPT},
    "refund.requested": {Lane.MONEY: Mark.ATTEMPT},
    "refund.succeeded": {Lane.MONEY: Mark.OUT},
    "refund.failed": {Lane.MONEY: Mark.UNDONE},
    "refund.resolved": {Lane.MONEY: Mark.ATTEMPT},
    "dispute.opened": {Lane.MONEY: Mark.OUT},
    "dispute.won": {Lane.MONEY: Mark.INTO},
    "dispute.lost": {Lane.MONEY: Mark.UNDONE},
    "refusal.recorded": {Lane.LOSER: Mark.LOST},
}
"""Every type of event in a session's streams; a test holds it complete."""
_ENDS: Final = {
    DeliveryStatus.PENDING: Mark.WAITING,
    DeliveryStatus.DELIVERED: Mark.TOLD,
    DeliveryStatus.FAILED: Mark.UNTOLD,
    DeliveryStatus.SKIPPED: Mark.UNTOLD,
}


def read_history(
    log: EventLog,
    deliveries: DeliveryStore,
    session: PaymentSession,
    moment: Moment,
    *,
    whole: bool,
) -> SessionHistory:
    """The history of a session up to a moment.

    Args:
        log: has the events.
        deliveries: has the webhooks, which are not in the log.
        session: as it stood at the moment.
        moment: the last position that counts, and the time that it is.
        whole: whether the texts of a restricted session are shown, to an auditor of the past.

    Raises:
        LogUnavailable: nothing could be read.
    """
    events = _until(log.stream(session.id), moment)
    refusals = _until(log.stream(SessionRefusals.stream_id(session.id)), moment)
    facts = sorted([*_of_session(events, moment), *map(_of_event, refusals)], key=_order)
    if session.restricted and not whole:
        facts = [replace(one, values=restricted(one.kind, one.values)) for one in facts]
    half = EVENTS_SHOWN_MAX // 2
    cut = len(facts) > EVENTS_SHOWN_MAX
    before, after = (facts[:half], facts[-half:]) if cut else (facts, [])
    shown = SessionHistory(
        session=session,
        moment=moment,
        before=before,
        after=after,
        left_out=len(facts) - len(before) - len(after),
        more_events=len(events) == STREAM_EVENTS_MAX and session.version > events[-1].version,
    )
    return _with_notices(log, deliveries, shown)


def _until(events: Sequence[Recorded], moment: Moment) -> list[Recorded]:
    return [one for one in events if one.position <= moment.position]


def _order(fact: Fact) -> tuple[datetime, int, int]:
    return fact.order


def _of_event(recorded: Recorded) -> Fact:
    return Fact(
        at=recorded.recorded_at,
        kind=recorded.topic,
        marks=MARKS.get(recorded.topic, {Lane.STATE: Mark.STATE}),
        values=vars(recorded.event),
        position=recorded.position,
        event_id=recorded.event_id,
    )


def _of_session(events: Sequence[Recorded], moment: Moment) -> Iterator[Fact]:
    """The session's events, and its deadline and leases if they were reached."""
    session: Any = None
    for number, recorded in enumerate(events):
        session = recorded.event.mutate(session)
        yield replace(_of_event(recorded), status=session.status, claim=session.claim)
        last = number + 1 == len(events)
        until = moment.at if last else events[number + 1].recorded_at
        yield from _reached(session, recorded.recorded_at, until)


def _reached(session: PaymentSession, since: datetime, until: datetime) -> Iterator[Fact]:
    """The times that are reached after one event and not later than the next."""
    deadline, claim = session.expires_at, session.claim
    if session.status in {*OPEN, Status.PROCESSING} and since < deadline <= until:
        marks = {Lane.STATE: Mark.CLOCK}
        yield Fact(at=deadline, kind=DEADLINE, marks=marks, values={})
    if session.status is not Status.SCANNED or claim is None or claim.lease_until >= deadline:
        return
    if since < claim.lease_until <= until:
        values = {"wallet_id": claim.wallet_id, "claim_id": claim.id}
        marks = {Lane.CLAIM: Mark.CLOCK}
        yield Fact(at=claim.lease_until, kind=LEASE, marks=marks, values=values)


def _with_notices(
    log: EventLog, deliveries: DeliveryStore, shown: SessionHistory
) -> SessionHistory:
    """The same with what was sent about the events that are shown, and when."""
    merchant = shown.session.merchant_id
    targets = [CALLBACK] if shown.session.callback_url else []
    targets += _endpoints(log, ids.decode("mer", merchant))
    events = [ids.encode("evt", fact.event_id) for fact in shown.facts if fact.event_id]
    wanted = [delivery_id(target, event) for event in events for target in targets]
    found = deliveries.find(merchant, wanted, DELIVERIES_MAX) if wanted else []
    by_id = {one.id: one for one in found if one.created_at <= shown.moment.at}
    attempts = deliveries.earliest_attempts(list(by_id), NOTICES_SHOWN_MAX + 1) if by_id else []
    notices = [_of_attempt(by_id[one.delivery_id], one) for one in attempts]
    notices += [_without_attempt(one) for one in by_id.values() if not one.attempts]
    notices = sorted([one for one in notices if one.at <= shown.moment.at], key=_order)
    kept = notices[:NOTICES_SHOWN_MAX]
    split = shown.after[0].at if shown.after else datetime.max.replace(tzinfo=UTC)
    first = [one for one in kept if one.at < split]
    later = [one for one in kept if one.at >= split]
    return replace(
        shown,
        before=sorted([*shown.before, *first], key=_order),
        after=sorted([*shown.after, *later], key=_order),
        more_notices=len(notices) > len(kept) or len(found) == DELIVERIES_MAX,
    )


def _endpoints(log: EventLog, merchant_id: UUID) -> list[str]:
    """The ids of a merchant's endpoints, those of the past included."""
    events = log.stream(WebhookEndpoints.stream_id(merchant_id))
    added = [one.event for one in events if one.topic == WebhookEndpoints.Added.TOPIC]
    return [one.endpoint_id for one in added[-TARGETS_MAX:]]  # type: ignore[attr-defined]


def _of_attempt(delivery: Delivery, attempt: Attempt) -> Fact:
    delivered = attempt.status is DeliveryStatus.DELIVERED and not attempt.reason
    return Fact(
        at=attempt.at,
        kind=NOTICE,
        marks={Lane.NOTICE: Mark.TOLD if delivered else Mark.UNTOLD},
        values={
            "type": delivery.event_type,
            "outcome": "delivered" if delivered else "failed",
            "status": attempt.answer_status,
            "delivery_id": delivery.id,
            "url": attempt.url,
            "milliseconds": attempt.milliseconds,
            "reason": attempt.reason,
        },
    )


def _without_attempt(delivery: Delivery) -> Fact:
    return Fact(
        at=delivery.created_at,
        kind=NOTICE,
        marks={Lane.NOTICE: _ENDS[delivery.status]},
        values={
            "type": delivery.event_type,
            "outcome": delivery.status.value,
            "delivery_id": delivery.id,
            "reason": delivery.reason,
        },
    )
