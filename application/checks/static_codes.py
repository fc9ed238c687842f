"""Static codes: sessions as the code says, none after it was revoked, one open per wallet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.sessions import SessionCheck
from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids

ENDED: Final = frozenset({"paid", "expired", "cancelled", "failed"})


@dataclass(slots=True)
class CodeFacts:
    """A code, from its events."""

    merchant_id: str
    currency: str
    lowest_minor: int
    highest_minor: int | None
    """None: no limit of its own."""
    position: int
    """Of its last event."""
    revoked_at: datetime | None = None
    """When that was recorded."""


class StaticCodeCheck:
    """Follows static codes, and the sessions that are opened by them."""

    follows: ClassVar[tuple[str, ...]] = (
        "static_code",
        "code_session",
        "payment_session.created",
        "payment_session.scanned",
    )

    def __init__(self, violations: Violations, sessions: SessionCheck) -> None:
        """`sessions` has observed an event before this check does."""
        self.facts: dict[UUID, CodeFacts] = {}
        self._violations = violations
        self._sessions = sessions
        self._latest: dict[UUID, str] = {}
        """The latest session of each wallet by each code."""
        self._payers: dict[str, str] = {}
        """The wallet of each session that nobody has claimed yet."""

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event against those before it."""
        match recorded.topic:
            case "static_code.issued":
                self._issued(recorded, event)
            case "static_code.revoked":
                self._revoked(recorded)
            case "code_session.opened":
                self._opened(recorded, event)
            case "payment_session.created" if event.static_code_id is not None:
                self._created(recorded, event)
            case "payment_session.scanned":
                payer = self._payers.pop(ids.encode("ps", recorded.stream_id), event.wallet_id)
                if payer != event.wallet_id:
                    text = f"opened for {payer}, claimed by {event.wallet_id}"
                    self._violations.report("one-session-per-payer", text)

    def _issued(self, recorded: Recorded, event: Any) -> None:
        if recorded.stream_id in self.facts or not event.payloads:
            self._violations.report("codes-as-issued", "issued twice, or without a text")
        fixed = event.amount_minor
        self.facts[recorded.stream_id] = CodeFacts(
            merchant_id=event.merchant_id,
            currency=event.currency,
            lowest_minor=(event.min_minor or 1) if fixed is None else fixed,
            highest_minor=event.max_minor if fixed is None else fixed,
            position=recorded.position,
        )

    def _revoked(self, recorded: Recorded) -> None:
        code = self.facts.get(recorded.stream_id)
        if code is None or code.revoked_at is not None:
            self._violations.report("codes-as-issued", "revoked twice, or never issued")
            return
        code.revoked_at, code.position = recorded.recorded_at, recorded.position

    def _opened(self, recorded: Recorded, event: Any) -> None:
        stream = code_sessions_stream(event.static_code_id, event.wallet_id)
        if stream != recorded.stream_id:
            text = f"{event.static_code_id} and {event.wallet_id} belong to stream {stream}"
            self._violations.report("one-session-per-payer", text)
        last = self._latest.get(recorded.stream_id)
        if last is not None:
            session = self._sessions.facts.get(ids.decode("ps", last))
            if session is None or session.status not in ENDED:
                text = f"{event.wallet_id} opened {event.session_id} while {last} is open"
                self._violations.report("one-session-per-payer", text)
        self._latest[recorded.stream_id] = event.session_id
        self._payers[event.session_id] = event.wallet_id

    def _created(self, recorded: Recorded, event: Any) -> None:
        session_id = ids.encode("ps", recorded.stream_id)
        code = self.facts.get(ids.decode("sc", event.static_code_id))
        if code is None:
            text = f"{session_id} names {event.static_code_id}, which was never issued"
            self._violations.report("codes-as-issued", text)
            return
        # A session that was decided before the code was revoked may be recorded after it.
        if code.revoked_at is not None and event.timestamp > code.revoked_at:
            self._violations.report("codes-as-issued", f"{session_id} after the code was revoked")
        is_within = code.lowest_minor <= event.amount_minor and (
            code.highest_minor is None or event.amount_minor <= code.highest_minor
        )
        stated = (event.merchant_id, event.currency, event.order_id)
        if not is_within or stated != (code.merchant_id, code.currency, f"static:{session_id}"):
            text = f"{session_id}: {event.amount_minor} {stated}, the code {code}"
            self._violations.report("codes-as-issued", text)


def code_sessions_stream(static_code_id: str, wallet_id: str) -> UUID:
    """The stream of a wallet's sessions by a code, from their public ids."""
    code, wallet = ids.decode("sc", static_code_id), ids.decode("wal", wallet_id)
    return ids.derive("code sessions", code.bytes, wallet.bytes)
