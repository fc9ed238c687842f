"""Payment sessions: legal transitions, in time, paid once and in full."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded
from domain import times
from domain.sessions.attempt import ATTEMPTS_MAX
from domain.sessions.state import CLAIMS_PER_APP_MAX, CLAIMS_PER_WALLET_MAX

TRANSITIONS: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "payment_session.scanned": (frozenset({"created", "scanned"}), "scanned"),
    "payment_session.claim_released": (frozenset({"scanned"}), "created"),
    "payment_session.processing": (frozenset({"created", "scanned"}), "processing"),
    "payment_session.paid": (frozenset({"scanned", "processing"}), "paid"),
    "payment_session.declined": (frozenset({"processing"}), "created"),
    "payment_session.failed": (frozenset({"created", "scanned"}), "failed"),
    "payment_session.expired": (frozenset({"created", "scanned"}), "expired"),
    "payment_session.cancelled": (frozenset({"created", "scanned"}), "cancelled"),
}
"""The statuses an event may follow, and the status it leads to. Of the others, only captured money
that is not the amount (`payment_session.flagged`) changes the status: as `declined` does."""
ACCEPTED_FROM: Final = frozenset({"created", "scanned", "expired", "cancelled", "failed"})
"""The statuses in which late money can be accepted."""
OPEN: Final = frozenset({"created", "scanned"})
GOING_ON: Final = OPEN | {"processing"}
AT_ANY_TIME: Final = frozenset({"payment_session.declined", "payment_session.paid"})
"""Processors may answer after the deadline, if they were asked before."""


@dataclass(slots=True)
class SessionFacts:
    """A session, from its events."""

    session_id: UUID
    merchant_id: str
    order_id: str
    amount_minor: int
    currency: str
    expires_at: datetime
    position: int
    """Of its last event."""
    version: int = 1
    status: str = "created"
    claim: tuple[str, str, datetime] | None = None
    """Claim id, wallet id, end of the lease."""
    claims: dict[str, int] = field(default_factory=dict)
    """Claims by the id of the wallet, and by that of its app."""
    paid: bool = False
    payer: str | None = None
    attempt: str | None = None
    """The last attempt, unless its end is known."""
    attempts: int = 0
    flags: tuple[str, ...] = ()
    disputed_minor: int = 0
    paid_position: int = 0
    fee_minor: int = 0
    payer_amount: tuple[int | None, str | None, int | None, int | None] = (None, None, None, None)
    """Amount, currency and exponent of what the payer paid, and the spread in it."""
    refunded_minor: int = 0
    restricted: bool = False
    """Whether its texts are for auditors only; its row has none, and so has this."""

    @property
    def flags_json(self) -> str:
        """The flags as the read model stores them."""
        return json.dumps(self.flags) if self.flags else "[]"


class SessionCheck:
    """Follows payment sessions."""

    follows: ClassVar[tuple[str, ...]] = ("payment_session", "refund", "attempt", "dispute")

    def __init__(self, violations: Violations) -> None:
        self.facts: dict[UUID, SessionFacts] = {}
        self._violations = violations

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event of a session against those before it."""
        session = self.facts.get(recorded.stream_id)
        if recorded.topic == "payment_session.created":
            if session is not None:
                self._violations.report("legal-transitions", "created twice")
            self.facts[recorded.stream_id] = SessionFacts(
                recorded.stream_id, event.merchant_id, event.order_id, event.amount_minor,
                event.currency, times.from_text(event.expires_at), recorded.position,
                fee_minor=event.fee_minor,
            )  # fmt: skip
            return
        if session is None:
            text = f"{recorded.topic} of a session never created"
            self._violations.report("legal-transitions", text)
            return
        if recorded.topic in TRANSITIONS:
            self._transition(session, recorded, event)
        elif recorded.topic == "refund.succeeded":
            session.refunded_minor += event.amount_minor
        elif recorded.topic == "payment_session.flagged":
            session.flags = tuple(event.flags)
            ended = event.captured_minor and event.subject_id == session.attempt
            if ended and session.status == "processing":
                self._reopen(session)
            self._check_status(session, event)
        elif recorded.topic.startswith("dispute."):
            session.disputed_minor = event.disputed_minor
        elif recorded.topic == "payment_session.restricted":
            self._restricted(session, recorded)
        session.version, session.position = recorded.version, recorded.position

    def _transition(self, session: SessionFacts, recorded: Recorded, event: Any) -> None:
        sources, status = TRANSITIONS[recorded.topic]
        accepted = recorded.topic == "payment_session.paid" and "late" in session.flags
        if session.status not in sources and not (accepted and session.status in ACCEPTED_FROM):
            invariant = "one-payment" if session.status == "paid" else "legal-transitions"
            self._violations.report(invariant, f"{recorded.topic} after {session.status}")
        late = recorded.recorded_at >= session.expires_at
        in_flight = session.status == "processing" and recorded.topic in AT_ANY_TIME
        if late != (recorded.topic == "payment_session.expired") and not (in_flight or accepted):
            text = f"{recorded.topic}, deadline {session.expires_at}"
            self._violations.report("on-time", text)
        if recorded.topic == "payment_session.scanned":
            self._scanned(session, recorded, event)
        elif recorded.topic == "payment_session.paid":
            self._paid(session, event)
            session.paid_position = recorded.position
        elif recorded.topic == "payment_session.claim_released":
            session.claim = None
        elif recorded.topic == "payment_session.processing":
            session.attempt, session.attempts = event.attempt_id, session.attempts + 1
            self._begun(session, event)
        session.status = status
        if recorded.topic == "payment_session.declined":
            self._reopen(session)
            self._check_status(session, event)

    def _restricted(self, session: SessionFacts, recorded: Recorded) -> None:
        is_due = session.status in OPEN and recorded.recorded_at >= session.expires_at
        if session.status in GOING_ON and not is_due:
            self._violations.report("legal-transitions", f"restricted while {session.status}")
        if session.restricted:
            self._violations.report("legal-transitions", "restricted twice")
        session.restricted, session.order_id = True, ""

    def _check_status(self, session: SessionFacts, event: Any) -> None:
        """What an event states about the status must be what follows from it."""
        if event.session_status != session.status:
            text = f"leads to {session.status}, and states {event.session_status}"
            self._violations.report("legal-transitions", text)

    def _reopen(self, session: SessionFacts) -> None:
        session.attempt = None
        session.status = "scanned" if session.claim else "created"

    def _begun(self, session: SessionFacts, event: Any) -> None:
        if session.attempts > ATTEMPTS_MAX:
            self._violations.report("one-open-attempt", f"{session.attempts} attempts")
        if (event.amount_minor, event.currency) != (session.amount_minor, session.currency):
            self._violations.report("money-conserved", "the attempt is not for the amount")
        if event.wallet_id is not None:
            self._check_claim(session, event)

    def _scanned(self, session: SessionFacts, recorded: Recorded, event: Any) -> None:
        claim = session.claim
        if claim and claim[1] != event.wallet_id and recorded.recorded_at < claim[2]:
            self._violations.report("legal-transitions", f"claimed while {claim[1]} holds a claim")
        for holder, claims_max in (
            (event.wallet_id, CLAIMS_PER_WALLET_MAX),
            (event.wallet_app_id, CLAIMS_PER_APP_MAX),
        ):
            count = session.claims.get(holder, 0) + 1
            if count > claims_max:
                self._violations.report("legal-transitions", f"{holder} claimed it {count} times")
            session.claims[holder] = count
        session.claim = (event.claim_id, event.wallet_id, times.from_text(event.lease_until))

    def _check_claim(self, session: SessionFacts, event: Any) -> None:
        if session.claim is None or session.claim[:2] != (event.claim_id, event.wallet_id):
            self._violations.report("legal-transitions", f"{event.wallet_id} paid without a claim")

    def _paid(self, session: SessionFacts, event: Any) -> None:
        if session.paid:
            text = f"paid by {session.payer} and by {event.wallet_id}"
            self._violations.report("one-payment", text)
        if event.attempt_id is None:
            self._check_claim(session, event)
        if (event.amount_minor, event.currency) != (session.amount_minor, session.currency):
            self._violations.report("money-conserved", "the payment is not the session's amount")
        if event.merchant_id != session.merchant_id:
            text = f"{event.merchant_id} is paid for a session of {session.merchant_id}"
            self._violations.report("payees-agree", text)
        session.paid, session.payer = True, event.wallet_id
        session.payer_amount = (
            event.payer_amount_minor,
            event.payer_currency,
            event.payer_exponent,
            event.spread_minor,
        )
