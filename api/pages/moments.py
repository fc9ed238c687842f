"""Times as the pages show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from babel.dates import format_datetime

from api.pages.texts import Language
from domain import times


class Moment(NamedTuple):
    """A time, for machines and for people."""

    machine: str
    people: str


def moment(language: Language, at: datetime) -> Moment:
    """A time of the ledger, in UTC."""
    text = format_datetime(at.astimezone(UTC), "medium", locale=language.locale)
    return Moment(times.to_text(at), f"{text} UTC")


def time_left(left: timedelta) -> str:
    """How much time is left, as `countdown.js` writes it: `14:59`, `1:05:00`; never below zero."""
    seconds = max(0, int(left.total_seconds()))
    hours, minutes = divmod(seconds // 60, 60)
    clock = f"{minutes:02}" if hours else f"{minutes}"
    return f"{f'{hours}:' if hours else ''}{clock}:{seconds % 60:02}"
