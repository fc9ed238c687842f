"""Recorded refusals: bounded, in the session's stream of refusals, and true of its version."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.sessions import SessionCheck, SessionFacts
from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids

PER_WALLET_MAX: Final = 3
PER_SESSION_MAX: Final = 20
OPEN: Final = frozenset({"created", "scanned"})


class RefusalCheck:
    """Follows recorded refusals."""

    follows: ClassVar[tuple[str, ...]] = ("refusal",)

    def __init__(self, violations: Violations, sessions: SessionCheck) -> None:
        """`sessions` has observed every earlier event."""
        self._violations = violations
        self._sessions = sessions
        self._counts: Counter[tuple[UUID, str]] = Counter()
        """Refusals of each session, together (``) and by wallet."""
        self._commands: set[str] = set()

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next refusal."""
        session_id = ids.decode("ps", event.session_id)
        session = self._sessions.facts.get(session_id)
        stream = ids.derive("session refusals", session_id.bytes)
        if (
            session is None
            or recorded.stream_id != stream
            or session.version < event.session_version
        ):
            self._report("refusals-lawful", f"{event.session_id} has no such version or stream")
            return
        for name, count_max in (("", PER_SESSION_MAX), (event.wallet_id, PER_WALLET_MAX)):
            self._counts[session_id, name] += 1
            if self._counts[session_id, name] > count_max:
                self._report("refusals-bounded", f"too many of {name or event.session_id}")
        if event.refused_command_id in self._commands:
            self._report("refusals-bounded", f"command {event.refused_command_id} twice")
        self._commands.add(event.refused_command_id)
        command_id = ids.derive("refusal", UUID(event.refused_command_id).bytes)
        if command_id != recorded.command_id:
            self._report("refusals-lawful", "the command's id is not derived from the refused one")
        if session.version == event.session_version and not _is_true(session, recorded, event):
            text = f"{event.code} at {session.status} of {event.session_id}"
            self._report("refusals-lawful", text)

    def _report(self, invariant: str, text: str) -> None:
        self._violations.report(invariant, text)


def _is_true(session: SessionFacts, recorded: Recorded, event: Any) -> bool:
    """Whether the session, at the version that the refusal names, refuses this wallet."""
    is_due = session.status in OPEN and recorded.recorded_at >= session.expires_at
    if event.session_status != ("expired" if is_due else session.status):
        return False
    claim = session.claim
    is_taken = session.status in OPEN and claim is not None and claim[1] != event.wallet_id
    truths = {
        "session-expired": event.session_status == "expired",
        "session-not-payable": session.status not in OPEN,
        "payment-in-flight": session.status == "processing",
        "claim-required": is_taken,
        "session-claimed": is_taken and claim is not None and recorded.recorded_at < claim[2],
    }
    return bool(session.payer != event.wallet_id and truths.get(event.code))
