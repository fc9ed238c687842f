"""What listeners and callers were told against what the log holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from application.event_log import Recorded
from application.invariants import Violation


def check_notices(
    messages: Sequence[Mapping[str, Any]], history: Sequence[Recorded], *, after: int | None = None
) -> list[Violation]:
    """What one listener heard, in order, against its session's history.

    A snapshot may stand for all before it; from there on every version comes exactly once. The
    last message must bring the listener to the end of the history.
    """
    violations = []
    seq = after
    for message in messages:
        if message["type"] == "heartbeat":
            continue
        told = message["seq"]
        if message["type"] == "event" and (seq is None or told != seq + 1):
            violations.append(Violation("notices-complete", 0, f"event {told} after {seq}"))
        if not 1 <= told <= len(history):
            violations.append(Violation("notices-complete", 0, f"{told} of {len(history)} events"))
            continue
        truth = history[told - 1]
        if message["position"] != truth.position or message["session"]["version"] != told:
            text = f"version {told} told as {message['position']}"
            violations.append(Violation("notices-complete", truth.position, text))
        if message["type"] == "event" and message["event"] != truth.topic:
            text = f"version {told} told as {message['event']}"
            violations.append(Violation("notices-complete", truth.position, text))
        seq = told
    if seq != len(history):
        text = f"heard up to {seq} of {len(history)}"
        violations.append(Violation("notices-complete", 0, text))
    return violations


def check_answers(answers: Iterable[tuple[str, str]]) -> list[Violation]:
    """What callers were told: pairs of an idempotency key and the final answer, as text."""
    first: dict[str, str] = {}
    return [
        Violation("one-answer-per-key", 0, f"{key}: {first[key]}, then {answer}")
        for key, answer in answers
        if first.setdefault(key, answer) != answer
    ]
