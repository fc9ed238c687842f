"""What listeners and callers received, against what the log holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from application.checks.violation import Violation
from application.event_log import Recorded


def check_notices(
    messages: Sequence[Mapping[str, Any]], history: Sequence[Recorded], *, after: int | None = None
) -> list[Violation]:
    """Compare the messages one listener received, in order, with the session's history.

    A snapshot may stand for everything before it; from there on every version comes exactly once.
    The last message must bring the listener to the end of the history.

    Args:
        messages: as the live protocol sent them.
        history: the session's events.
        after: the last version the listener already had, if it resumed.
    """
    violations = []

    def report(position: int, text: str) -> None:
        violations.append(Violation("notices-complete", position, text))

    last = after
    for message in messages:
        if message["type"] == "heartbeat":
            continue
        version = message["seq"]
        if message["type"] == "event" and (last is None or version != last + 1):
            report(0, f"event {version} after {last}")
        if not 1 <= version <= len(history):
            report(0, f"event {version} of {len(history)}")
            continue
        recorded = history[version - 1]
        if message["position"] != recorded.position or message["session"]["version"] != version:
            report(recorded.position, f"version {version} sent with {message['position']}")
        if message["type"] == "event" and message["event"] != recorded.topic:
            report(recorded.position, f"version {version} sent as {message['event']}")
        last = version
    if last != len(history):
        report(0, f"received up to {last} of {len(history)}")
    return violations


def check_answers(answers: Iterable[tuple[str, str]]) -> list[Violation]:
    """Compare the final responses to each idempotency key, as pairs of key and response."""
    first: dict[str, str] = {}
    return [
        Violation("one-answer-per-key", 0, f"{key}: {first[key]}, then {answer}")
        for key, answer in answers
        if first.setdefault(key, answer) != answer
    ]
