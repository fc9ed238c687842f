"""The head of the log, and where processes stand, against the last event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from application.invariants import LogChecker, Violation


def check_head(
    checker: LogChecker,
    head: tuple[int, datetime | None] | None,
    processes: Mapping[str, int],
) -> list[Violation]:
    """The log's head, and where processes stand, against the last event.

    Args:
        checker: has seen the whole log.
        head: the position and the time that the next append goes on from; None if it is missing.
            The time is None before the first event, and if it is no date of the calendar.
        processes: the last position that each process has seen.
    """
    last = checker.position
    violations = []

    def say(position: int, text: str) -> None:
        violations.append(Violation("head-agrees", position, text))

    if head is None:
        say(last, "the log has no head")
    else:
        position, recorded_at = head
        if position > last:  # moved ahead, or the tail was cut
            say(last + 1, f"the head is at {position}, the log ends at {last}")
        if position < last:
            say(position + 1, f"the head is at {position}, the log goes on to {last}")
        if recorded_at != checker.recorded_at:
            say(last, f"the head's time is {recorded_at}, the last event's {checker.recorded_at}")
    for name, position in processes.items():
        if position > last:
            say(last + 1, f"{name} has seen position {position}, the log ends at {last}")
    return violations
