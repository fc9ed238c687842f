"""What `listen` prints: a line for each attempt, in colour on a terminal, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import rich_click as click

from application.errors import LogUnavailable
from application.forwarding import ATTEMPTS_MAX, Attempt
from application.ports.webhook_sender import Answer, Sent
from domain import times
from infrastructure.cli import _following

ANSWER_CHARS_MAX: Final = 120
"""What is shown of the answer to a failed call."""


class Lines:
    """Prints what happens: a line for each attempt."""

    def __init__(self, wall_clock: Callable[[], datetime], *, as_json: bool) -> None:
        self._wall_clock = wall_clock
        self._as_json = as_json
        self._colour = _following.in_colour()

    def attempted(self, attempt: Attempt) -> None:
        """See `application.forwarding.Report`."""
        at = self._wall_clock()
        if self._as_json:
            click.echo(json.dumps(_document(attempt, at)))
            return
        click.echo(_line(attempt, at), color=self._colour)

    def unavailable(self, error: LogUnavailable) -> None:
        """See `application.forwarding.Report`."""
        click.echo(f"{error.detail} It is tried again.", err=True)


def _line(attempt: Attempt, at: datetime) -> str:
    notice, recorded, sent = attempt.notice, attempt.notice.recorded, attempt.sent
    status = str(sent.status) if isinstance(sent, Answer) else "no answer"
    facts = [
        click.style(at.strftime("%H:%M:%S"), dim=True),
        recorded.topic,
        notice.subject,
        f"seq {recorded.version}",
        f"position {recorded.position}",
        click.style(status, fg=_colour(sent), bold=True),
        f"{sent.milliseconds} ms",
    ]
    if not attempt.verdict.delivered:
        shown = sent.text[:ANSWER_CHARS_MAX] if isinstance(sent, Answer) else sent.reason
        facts += [one for one in (shown,) if one]
        facts.append(_next(attempt))
    return "  ".join(facts)


def _next(attempt: Attempt) -> str:
    if attempt.again_seconds is not None:
        return f"attempt {attempt.number} of {ATTEMPTS_MAX}, again in {attempt.again_seconds} s"
    before = attempt.notice.recorded.position - 1
    text = f"given up after {attempt.number} attempts; `--after {before}` begins with it again"
    return click.style(text, fg="red")


def _colour(sent: Sent) -> str:
    if not isinstance(sent, Answer) or sent.status >= 500:  # noqa: PLR2004 - the class of statuses
        return "red"
    return "green" if 200 <= sent.status <= 299 else "yellow"  # noqa: PLR2004


def _document(attempt: Attempt, at: datetime) -> dict[str, Any]:
    notice, recorded, sent = attempt.notice, attempt.notice.recorded, attempt.sent
    outcome = "delivered" if attempt.verdict.delivered else "given_up"
    return {
        "object": "attempt",
        "at": times.to_text(at),
        "id": notice.id,
        "type": recorded.topic,
        "subject": notice.subject,
        "seq": recorded.version,
        "position": recorded.position,
        "attempt": attempt.number,
        "outcome": outcome if attempt.again_seconds is None else "failed",
        "status": sent.status if isinstance(sent, Answer) else None,
        "milliseconds": sent.milliseconds,
        "answer": sent.text if isinstance(sent, Answer) else "",
        "reason": attempt.verdict.reason,
        "again_seconds": attempt.again_seconds,
    }
