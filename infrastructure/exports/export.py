"""The export of a range of the log's entries to a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TextIO

from application.book_entries import Opening, read_books
from application.consumer import PagedLog
from application.event_log import EventLog
from application.positions import position_of, reversed_bounds
from domain import times
from domain.accounting import chart
from domain.errors import InvalidRequest
from infrastructure.exports.formats import BEGINNING, Format

BOUND_CHARS_MAX: Final = 40
_POSITION = re.compile("0|[1-9][0-9]{0,17}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class BookLog(EventLog, PagedLog, Protocol):
    """The log as exports read it."""


@dataclass(frozen=True, slots=True)
class PositionRange:
    """Positions from `first` up to, but not including, `end`."""

    first: int
    end: int


def read_range(log: EventLog, first: str | None, end: str | None) -> PositionRange:
    """The range of an export, at most up to the log's present head.

    Each bound is a position, a day (from its first instant in UTC) or an RFC 3339 time.

    Raises (checked in this order):
        InvalidRequest: a bound is none of these, or they are reversed; names the option.
        LogUnavailable: nothing could be read.
    """
    after_head = log.head() + 1
    begin: int | datetime = 1 if first is None else _bound("--from", first)
    stop: int | datetime = after_head if end is None else _bound("--to", end)
    if end is not None and reversed_bounds(begin, stop):
        raise InvalidRequest.of("--to", "is before --from")
    start, before = (position_of(log, bound) for bound in (begin, stop))
    return PositionRange(
        after_head if start is None else min(max(1, start), after_head),
        after_head if before is None else min(max(1, before), after_head),
    )


def write_books(
    log: PagedLog,
    positions: PositionRange,
    form: Format,
    file: TextIO,
    *,
    on_page: Callable[[int], Any] = lambda _position: None,
) -> int:
    """Write the entries of a range; returns their number.

    Holds one page of the log at a time, and the names of currencies and processors.
    """
    last = positions.end - 1
    file.write(form.head(f"qrledger: positions {positions.first} to {last}, times in UTC"))
    for kind in chart.CHART:
        if kind.owner is chart.Owner.HOUSE:
            file.write(form.account(kind.of(), BEGINNING))
    entries, declared = 0, set[str]()
    for item in read_books(log, positions.first, positions.end, on_page=on_page):
        if isinstance(item, Opening):
            file.write(form.account(item.account, times.to_text(item.at)[:10]))
        else:
            for posting in item.postings:
                code, account = posting.currency, posting.account
                if code not in declared:
                    declared.add(code)
                    file.write(form.currency(code, posting.exponent))
                if account.startswith("processor:") and account not in declared:
                    declared.add(account)
                    file.write(form.account(account, BEGINNING))
            file.write(form.entry(item))
            entries += 1
    return entries


def _bound(option: str, value: str) -> int | datetime:
    if len(value) <= BOUND_CHARS_MAX:
        if _POSITION.fullmatch(value):
            return int(value)
        try:
            if _DAY.fullmatch(value):
                return datetime.fromisoformat(value).replace(tzinfo=UTC)
            return times.from_text(value)
        except ValueError:
            pass
    reason = "is not a position, a day such as 2026-01-31, or an RFC 3339 time"
    raise InvalidRequest.of(option, reason)
