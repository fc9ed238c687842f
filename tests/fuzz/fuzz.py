"""One parser under many hostile texts: what it may do, and the smallest text with which it does not."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from types import FrameType
from typing import Any, Final

from domain.qr.errors import Cause, InvalidQr, InvalidSignature
from tests.fuzz import inputs
from tests.fuzz.targets import Target

STEPS_MAX: Final = 20_000
"""Lines of Python that one text may cost. Measured, and the same on every machine."""
STEPS_EVERY: Final = 200
"""Counting makes an execution slow, so only every so many are counted."""
FAILURES_MAX: Final = 5
"""After so many different failures a parser is not run further."""
SHRINK_READS_MAX: Final = 200_000


@dataclass(slots=True)
class Report:
    """What became of the texts."""

    executions: int = 0
    read: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    """The most that one text cost."""
    failures: dict[str, str] = field(default_factory=dict)
    """What happened, and the smallest text that was found for it."""


def fuzz(target: Target, executions: int, seed: int) -> Report:
    """Run a parser on so many texts; the same seed gives the same texts."""
    random, report = Random(f"{seed} {target.name}"), Report()
    grammar = inputs.GRAMMARS.get(target.name, inputs.objects)
    for number in range(executions):
        text = inputs.text(random, target.seeds, grammar)
        outcome = _outcome(target, text)
        report.executions += 1
        if number % STEPS_EVERY == 0:
            steps = _steps(target, text)
            report.steps = max(report.steps, steps)
            if steps > STEPS_MAX:
                outcome = f"failure: more than {STEPS_MAX} steps"
        if outcome == "read":
            report.read += 1
        elif not outcome.startswith("failure"):
            report.refused[outcome] += 1
        elif outcome not in report.failures:
            report.failures[outcome] = shrunk(target, text, outcome)
            if len(report.failures) == FAILURES_MAX:
                break
    return report


def _outcome(target: Target, text: str) -> str:
    """`read`, the cause of the refusal, or `failure` and what happened."""
    try:
        return "read" if target.read(text) else "failure: neither read nor refused"
    except (InvalidQr, InvalidSignature) as refused:
        return _judged(refused.facts, len(text))
    except Exception as error:  # noqa: BLE001 - anything else is what we look for
        return f"failure: {type(error).__name__}"


def _judged(facts: dict[str, Any], chars: int) -> str:
    """The cause, if a refusal states what it must."""
    cause, reason, offset = (facts.get(name) for name in ("cause", "reason", "offset"))
    if not isinstance(cause, Cause) or len(facts) != 3:
        return "failure: no cause"
    if not isinstance(reason, str) or not reason.isprintable() or not reason:
        return "failure: no reason"
    if type(offset) is not int or not 0 <= offset <= chars:
        return "failure: no offset within the text"
    return cause.value


def _steps(target: Target, text: str) -> int:
    """The lines of Python that reading a text costs."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        _outcome(target, text)
    finally:
        sys.settrace(before)
    return count


def shrunk(target: Target, text: str, outcome: str) -> str:
    """A text as short as can be found with which the same happens."""
    reads, size = 0, len(text)
    while size:
        for at in range(len(text) - size, -1, -1):
            shorter = text[:at] + text[at + size :]
            if reads < SHRINK_READS_MAX and _outcome(target, shorter) == outcome:
                text = shorter
            elif reads < SHRINK_READS_MAX and _outcome(target, inputs.sealed(shorter)) == outcome:
                text = inputs.sealed(shorter)
            reads += 2
        size -= 1
    return text
