"""One attempt to pay a session through a processor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from domain.errors import InvalidRequest
from domain.money.money import Amount, Money
from domain.sessions.state import Funding
from domain.text import replace_unacceptable

ATTEMPTS_MAX: Final = 5
"""Attempts of one session; if the last one ends without a payment, the session has failed."""
UNANSWERED_MAX: Final = 3
"""How often it is recorded that the processor does not answer; it keeps the stream short."""
ACCEPT_SECONDS: Final = 86_400
"""How long a merchant may accept late money before it is returned."""
REFERENCE_CHARS_MAX: Final = 120
REASON_CHARS_MAX: Final = 200
BY_CHARS_MAX: Final = 80


class AttemptStatus(StrEnum):
    """The status of an attempt. An ended one is captured all the same if money arrives later."""

    STARTED = "started"
    """The processor has not taken it up yet, as far as is known."""
    PROCESSING = "processing"
    """The processor has it."""
    UNKNOWN = "unknown"
    """The processor does not answer; it may or may not have taken the money."""
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"


ACTIVE: Final = frozenset({AttemptStatus.STARTED, AttemptStatus.PROCESSING, AttemptStatus.UNKNOWN})
"""Only the processor's word, or a person's, ends an attempt; no time does."""


class Flag(StrEnum):
    """What is to be known of a session beside its status."""

    LATE = "late"
    """Money arrived after the attempt, or the session, had ended."""
    UNDER = "under"
    """Less than the amount was captured; it is returned."""
    OVER = "over"
    """More than the amount was captured; the excess is returned."""
    DUPLICATE = "duplicate"
    """Money arrived although the session was paid; it is returned."""
    CONFLICT = "conflict"
    """What the processor says contradicts what it has said, or what it was asked for."""
    UNRESOLVED = "unresolved"
    """The processor does not answer; a person must find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt, as the session's events leave it."""

    id: str
    processor: str
    funding: Funding
    amount: Money
    wallet_id: str | None
    """The wallet that pays, if one does; so are its app and its claim."""
    wallet_app_id: str | None
    claim_id: str | None
    status: AttemptStatus
    created_at: datetime
    reference: str = ""
    """The processor's; empty until it is known."""
    captured: Amount | None = None
    """Everything that was captured, whatever the session asked for."""
    suspense_id: str | None = None
    """Where captured money is that is not the payment's."""
    void_requested: bool = False
    unanswered: int = 0
    """How often it was recorded that the processor does not answer."""

    @property
    def active(self) -> bool:
        """Whether its end is not known."""
        return self.status in ACTIVE


def check_person(by: str, reason: str) -> None:
    """Check who found out how something ended, and how: `InvalidRequest`, `by` before `reason`."""
    for name, value, chars_max in (("by", by, BY_CHARS_MAX), ("reason", reason, REASON_CHARS_MAX)):
        if not 1 <= len(value) <= chars_max:
            raise InvalidRequest.of(name, f"must have 1 to {chars_max} characters")


class Heard(NamedTuple):
    """What a processor, or a person, says about an attempt; `cleaned` before it is recorded."""

    kind: AttemptStatus
    """`captured`, `declined`, `voided`; `processing` if it was accepted; `unknown`: no answer."""
    reference: str = ""
    """The processor's name of the payment; of a capture too."""
    money: Money | None = None
    """Everything that was captured under the reference."""
    reason: str = ""
    """The processor's code, without personal data."""

    def cleaned(self, attempt: Attempt) -> Heard:
        """The same with texts that can be stored, and a reference in any case.

        A processor that names no reference is taken to mean the one that is known.
        """
        reference = replace_unacceptable(self.reference)[:REFERENCE_CHARS_MAX]
        return self._replace(
            reference=reference or attempt.reference or attempt.id,
            reason=replace_unacceptable(self.reason)[:REASON_CHARS_MAX],
        )
