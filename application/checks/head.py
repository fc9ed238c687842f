"""The head of the log, and the positions of processes, against the last event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from application.checks.log import LogCheck
from application.checks.violation import Violation

INVARIANT = "head-agrees"


def check_head(
    log: LogCheck,
    head: tuple[int, datetime | None] | None,
    processes: Mapping[str, int],
) -> list[Violation]:
    """Compare the log's head, and the positions of processes, with the last event.

    Args:
        log: has observed the whole log.
        head: the position and the time that the next append continues from; None if it is missing.
            The time is None before the first event, and if it is not a calendar date.
        processes: the last position that each process has handled.
    """
    last = log.position
    violations = []
    if head is None:
        violations.append(Violation(INVARIANT, last, "the log has no head"))
    else:
        position, recorded_at = head
        if position > last:  # moved ahead, or the tail was cut
            text = f"the head is at {position}, the log ends at {last}"
            violations.append(Violation(INVARIANT, last + 1, text))
        if position < last:
            text = f"the head is at {position}, the log continues to {last}"
            violations.append(Violation(INVARIANT, position + 1, text))
        if recorded_at != log.recorded_at:
            text = f"the head's time is {recorded_at}, the last event's {log.recorded_at}"
            violations.append(Violation(INVARIANT, last, text))
    for name, position in processes.items():
        if position > last:
            text = f"{name} is at position {position}, the log ends at {last}"
            violations.append(Violation(INVARIANT, last + 1, text))
    return violations
