"""Where everything on a poster is, in micrometres, whatever it is drawn with.

    test mark                 in a test ledger only
    payee                     as large as it fits, in as many lines as it needs
    label of the till
    code                      72 mm with its quiet zone on A6, 144 mm on A4
    amount                    if it is fixed
    notice, host
    test mark

Everything is placed on A6; A4 has twice its sides. A text shrinks until it fits its box.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from application.ports.pictures import Poster
from infrastructure.pictures import fonts
from infrastructure.pictures.codes import Matrix, bordered, symbol

SIZES: Final = {"a6": (105_000, 148_000, 1), "a4": (210_000, 297_000, 2)}
"""Width, height, and how many times the sides of A6."""
MARGIN: Final = 8_000
CODE_SIDE: Final = 72_000
BAND: Final = 9_000
QUIET_ZONE: Final = 4
MODULE_MIN: Final = 500
"""The smallest module that a phone at arm's length reads, 0.5 mm."""
STEP_PER_MILLE: Final = 970
"""A text that does not fit is set again in 97 % of its size."""
LINE_PER_MILLE: Final = 1_250
"""The distance between lines, of the size."""
BASELINE_PER_MILLE: Final = 950
"""From the top of a line to its baseline, of the size."""
BLACK, WHITE, RED = "#000000", "#ffffff", "#b00020"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, centred."""

    text: str
    baseline: int
    size: int
    width: int
    colour: str
    right_to_left: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """A page: its size, the code, bands of colour, and lines of text."""

    width: int
    height: int
    code: Matrix
    """With its quiet zone."""
    code_x: int
    code_y: int
    code_side: int
    bands: tuple[tuple[int, int], ...]
    """Top and height, as wide as the page."""
    lines: tuple[Line, ...]


def of(poster: Poster) -> Layout:
    """Place everything.

    Raises:
        ValueError: the code has so many modules that they would be smaller than 0.5 mm.
    """
    width, height, times = SIZES[poster.size]
    code = bordered(symbol(poster.text), QUIET_ZONE)
    if MODULE_MIN * len(code) > CODE_SIDE:
        msg = "the code is too dense to be printed"
        raise ValueError(msg)
    bottom = height - BAND * times
    boxes = [
        (poster.payee, 11_000, 23_000, 11_000, BLACK),
        (poster.label, 34_500, 7_000, 5_000, BLACK),
        (poster.amount, 115_000, 9_500, 7_600, BLACK),
        (poster.notice, 125_000, 7_000, 5_000, BLACK),
        (poster.host, 132_300, 5_200, 4_000, BLACK),
    ]
    lines = [
        line
        for text, top, room, size, colour in boxes
        for line in _fitted(text, top * times, width, room * times, size * times, colour)
    ]
    bands = ((0, BAND * times), (bottom, BAND * times)) if poster.test else ()
    for top, room in bands:
        lines += _fitted(poster.test, top, width, room, 5_500 * times, WHITE)
    return Layout(
        width=width,
        height=height,
        code=code,
        code_x=(width - CODE_SIDE * times) // 2,
        code_y=42_000 * times,
        code_side=CODE_SIDE * times,
        bands=bands,
        lines=tuple(lines),
    )


def _fitted(text: str, top: int, width: int, room: int, size: int, colour: str) -> Iterator[Line]:
    """The lines of a text, in the largest size that fits, in the middle of its box."""
    if not text.strip():
        return
    across = width - 2 * MARGIN * (width // SIZES["a6"][0])
    while True:
        lines = _wrapped(text, across * fonts.EM // size)
        taken = len(lines) * size * LINE_PER_MILLE // 1000
        if taken <= room:
            break
        size = size * STEP_PER_MILLE // 1000
    first = top + (room - taken) // 2 + size * BASELINE_PER_MILLE // 1000
    rtl = fonts.is_right_to_left(text)
    for number, line in enumerate(lines):
        baseline = first + number * size * LINE_PER_MILLE // 1000
        yield Line(line, baseline, size, fonts.width(line) * size // fonts.EM, colour, rtl)


def _wrapped(text: str, width_max: int) -> list[str]:
    """Lines of at most this width; a word breaks only if it fits no line."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if fonts.width(joined) <= width_max:
            lines[-1:] = [joined]
        else:
            lines += _broken(word, width_max)
    return lines


def _broken(word: str, width_max: int) -> list[str]:
    """The parts of a word, each at most this wide; marks stay with their letter."""
    parts = [""]
    for cluster in _clusters(word):
        if parts[-1] and fonts.width(parts[-1] + cluster) > width_max:
            parts.append("")
        parts[-1] += cluster
    return parts


def _clusters(word: str) -> list[str]:
    clusters: list[str] = []
    for char in word:
        joins = unicodedata.category(char)[0] == "M" or unicodedata.category(char) == "Cf"
        follows = bool(clusters) and (joins or unicodedata.combining(clusters[-1][-1]) == VIRAMA)
        if follows:
            clusters[-1] += char
        else:
            clusters.append(char)
    return clusters


VIRAMA: Final = 9
"""The combining class of the sign that joins two consonants (Unicode, 4.3)."""
