"""The fonts of printed posters: what they cover, and how wide a text is.

Noto Sans SemiBold for Latin, Greek, Cyrillic and Devanagari, and its sisters for Arabic, Hebrew and
Thai, unchanged, under the SIL Open Font License (`OFL.txt`). Chinese, Japanese and Korean fonts
have megabytes each and are left out: a poster in SVG uses the reader's own.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Final

import uharfbuzz as harfbuzz

FILES: Final = (
    "NotoSans-SemiBold.ttf",
    "NotoSansArabic-SemiBold.ttf",
    "NotoSansHebrew-SemiBold.ttf",
    "NotoSansThai-SemiBold.ttf",
)
"""The first one that has a character draws it."""
EM: Final = 1000
"""Units of width in the size of a font."""
WIDTHS_KEPT: Final = 1024


def folder() -> Path:
    """Where the files are."""
    return Path(str(resources.files(__package__)))


def missing(text: str) -> str:
    """The first character that no font has; empty if there is none."""
    return next((char for char in text if not _file_of(char)), "")


def used(text: str) -> list[str]:
    """The files that draw a text; always the first one too."""
    return [file for file in FILES if file == FILES[0] or file in map(_file_of, text)]


@lru_cache(maxsize=WIDTHS_KEPT)
def width(text: str) -> int:
    """How wide a line is when it is shaped, in thousandths of the font's size.

    A character that no font has counts as wide as it is high, which is right for Chinese, Japanese
    and Korean, and more than enough for most others.
    """
    runs = groupby(text, _file_of)
    return sum(_shaped("".join(run), file) if file else EM * len([*run]) for file, run in runs)


def is_right_to_left(text: str) -> bool:
    """Whether the first strong character is (UAX 9, P2 and P3)."""
    strong = (unicodedata.bidirectional(char) for char in text)
    return next((kind != "L" for kind in strong if kind in {"L", "R", "AL"}), False)


@cache
def _file_of(char: str) -> str:
    return next((file for file in FILES if ord(char) in _font(file)[1]), "")


def _shaped(text: str, file: str) -> int:
    buffer = harfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    harfbuzz.shape(_font(file)[0], buffer)
    return sum(position.x_advance for position in buffer.glyph_positions or ())


@cache
def _font(file: str) -> tuple[harfbuzz.Font, frozenset[int]]:
    face = harfbuzz.Face(harfbuzz.Blob.from_file_path(str(folder() / file)))
    return harfbuzz.Font(face), frozenset(face.unicodes)
