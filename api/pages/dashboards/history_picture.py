"""The picture of a session's history: where everything is drawn, in units of its own.

    time        since   State Claims Losers Money Notices
    10:12:33.1            ●                                Created: $10.00
    10:12:41.7  +8 s      ●     ■                          Scanned by wallet …02q

Time runs down. Every row has the same height, however short the time between two rows, and the time
is written between them; a longer wait adds some space, in steps. Languages that are written from
right to left get the mirror image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from babel.dates import format_date

from api.pages.dashboards.history_texts import clock, cut, duration, lane_names, line
from api.pages.texts import Language
from application.session_history import LEASE, Fact, Lane, Mark, SessionHistory
from domain.sessions.state import OPEN, Claim, Status

WIDTH: Final = 1010
HEAD: Final = 44
"""Above the first row: the headings of the lanes, and the day."""
ROW: Final = 25
DAY: Final = 20
"""More before the first row of a day."""
GAP: Final = 22
"""The height of the row for what is left out."""
TIME_X: Final = 6
SINCE_X: Final = 232
"""The end of the text."""
LANE_X: Final = 276
LANE: Final = 64
LINE_X: Final = 566
STEPS: Final = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
STEP: Final = 6
"""More space for each of these that lies between two rows."""
_DRAWN: Final = {Status.CREATED: "created", Status.SCANNED: "scanned",
                 Status.PROCESSING: "processing"}  # fmt: skip


BARS: Final = ("created", "scanned", "processing", "ended", "held", "lapsed")
"""The kinds of lines, in the order of the legend."""


class Drawn(NamedTuple):
    """A mark in a lane."""

    x: int
    y: int
    mark: Mark


class Row(NamedTuple):
    """A row's texts."""

    y: int
    time: str
    since: str
    """How long after the row before; empty for the first."""
    since_y: int
    day: str
    """The day, where it begins."""
    line: str


class Bar(NamedTuple):
    """A line between two rows of a lane: a state, or a claim."""

    x: int
    top: int
    bottom: int
    kind: str
    """One of `BARS`."""


@dataclass(slots=True, kw_only=True)
class Picture:
    """Everything that is drawn."""

    height: int = HEAD
    rows: list[Row] = field(default_factory=list)
    marks: list[Drawn] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    gap_y: int = 0
    """Where rows are left out; 0: nowhere."""
    end_y: int = 0
    """Where the picture ends: the moment up to which it is drawn."""

    @property
    def used(self) -> list[Mark]:
        """The marks that need a legend."""
        found = {one.mark for one in self.marks}
        return [mark for mark in Mark if mark in found]

    @property
    def bar_kinds(self) -> list[str]:
        """The lines that need a legend."""
        found = {one.kind for one in self.bars}
        return [kind for kind in BARS if kind in found]


def across(language: Language, x: int) -> int:
    """A distance from the edge at which lines begin in this language."""
    return WIDTH - x if language.direction == "rtl" else x


def lanes(language: Language) -> list[tuple[int, str]]:
    """Where the lanes are, and their headings."""
    names = lane_names(language)
    return [(_lane_x(language, lane), names[lane]) for lane in Lane]


def draw(language: Language, history: SessionHistory) -> Picture:
    """The picture of a history."""
    picture = Picture()
    before = _rows(language, picture, history.before, None)
    if history.left_out:
        picture.gap_y = picture.height + GAP // 2
        picture.height += GAP
    after = _rows(language, picture, history.after, history.before[-1])
    picture.end_y = picture.height + ROW // 2
    picture.height = picture.end_y + ROW
    rows = [*before, *after]
    picture.bars = [*_states(language, rows, picture), *_claims(language, rows, picture)]
    return picture


def _rows(
    language: Language, picture: Picture, facts: Sequence[Fact], previous: Fact | None
) -> list[tuple[Fact, int]]:
    """Places the rows below those that are there."""
    placed = []
    for fact in facts:
        waited = fact.at - previous.at if previous else timedelta(0)
        is_new = previous is None or previous.at.astimezone(UTC).date() != fact.at.date()
        extra = STEP * sum(waited >= step for step in STEPS) + (DAY if is_new else 0)
        y = picture.height + extra + ROW // 2
        picture.rows.append(
            Row(
                y=y,
                time=clock(fact.at),
                since=f"+{duration(language, waited)}" if previous else "",
                since_y=y,
                day=_day(language, fact.at) if is_new else "",
                line=cut(line(language, fact)),
            )
        )
        marks = [Drawn(_lane_x(language, lane), y, mark) for lane, mark in fact.marks.items()]
        picture.marks += marks
        picture.height = y + ROW - ROW // 2
        placed.append((fact, y))
        previous = fact
    return placed


def _day(language: Language, at: datetime) -> str:
    return f"{format_date(at.astimezone(UTC).date(), 'medium', locale=language.locale)} UTC"


def _lane_x(language: Language, lane: Lane) -> int:
    return across(language, LANE_X + LANE * list(Lane).index(lane))


def _states(
    language: Language, rows: Sequence[tuple[Fact, int]], picture: Picture
) -> Iterator[Bar]:
    """A line for each state, from its row to the next one's."""
    x = _lane_x(language, Lane.STATE)
    changes: list[tuple[Status, int]] = []
    for fact, y in rows:
        if fact.status and (not changes or fact.status is not changes[-1][0]):
            changes.append((fact.status, y))
    for number, (status, top) in enumerate(changes):
        bottom = changes[number + 1][1] if number + 1 < len(changes) else picture.end_y
        yield Bar(x, top, bottom, _DRAWN.get(status, "ended"))


def _claims(
    language: Language, rows: Sequence[tuple[Fact, int]], picture: Picture
) -> Iterator[Bar]:
    """A line for each claim: while its lease runs, then until it ends."""
    x = _lane_x(language, Lane.CLAIM)
    held: Claim | None = None
    kind, top = "held", 0
    for fact, y in rows:
        if fact.kind == LEASE and held:
            yield Bar(x, top, y, kind)
            kind, top = "lapsed", y
        if fact.status is None:
            continue
        claim = fact.claim if fact.status in {*OPEN, Status.PROCESSING} else None
        if held and claim != held:
            yield Bar(x, top, y, kind)
        if claim != held:
            kind, top = "held", y
        held = claim
    if held:
        yield Bar(x, top, picture.end_y, kind)
