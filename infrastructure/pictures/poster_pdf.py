"""Posters as PDF, with the fonts in the file."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final

from fpdf import FPDF
from fpdf.enums import TextDirection
from fpdf.unicode_script import UnicodeScript, get_unicode_script

from application.errors import PosterFontMissing
from application.ports.pictures import Poster
from infrastructure.pictures import fonts, layout
from infrastructure.pictures.codes import runs

POINTS_PER_INCH: Final = 72
MICROMETRES_PER_INCH: Final = 25_400
CELL_BASELINE_PER_MILLE: Final = 800
"""Where fpdf2 puts the baseline in a cell as high as the font, of the size."""
NON_JOINER: Final = "\u200c"
"""Separates letters, which is what happens to it."""
CREATED: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""In every file, so that a poster always has the same bytes."""


def draw(poster: Poster) -> bytes:
    """The poster as one page.

    Raises:
        PosterFontMissing: a text has a character that no font has, or a mark that cannot be placed.
    """
    page = layout.of(poster)
    texts = unicodedata.normalize("NFC", "".join(line.text for line in page.lines))
    if missing := fonts.missing(texts) or _torn(texts):
        raise PosterFontMissing(character=f"U+{ord(missing):04X}")
    pdf = FPDF(unit="mm", format=(_mm(page.width), _mm(page.height)))
    pdf.set_creation_date(CREATED)
    pdf.set_title(poster.payee)
    pdf.set_lang(poster.language)
    pdf.set_margin(0)
    pdf.set_auto_page_break(auto=False)
    pdf.c_margin = 0
    pdf.add_page()
    _draw_bands(pdf, page)
    _draw_code(pdf, page)
    _draw_lines(pdf, page, fonts.used(texts))
    return bytes(pdf.output())


def _draw_bands(pdf: FPDF, page: layout.Layout) -> None:
    pdf.set_fill_color(layout.RED)
    for top, height in page.bands:
        pdf.rect(0, _mm(top), _mm(page.width), _mm(height), style="F")


def _draw_code(pdf: FPDF, page: layout.Layout) -> None:
    """One filled path: rectangles that touch inside of it leave no seams."""
    module = _mm(page.code_side) / len(page.code)
    left, top = _mm(page.code_x), _mm(page.code_y)
    with pdf.new_path() as drawn:
        drawn.style.fill_color = layout.BLACK
        drawn.style.stroke_color = None
        drawn.style.auto_close = True
        for row, modules in enumerate(page.code):
            for start, length in runs(modules):
                drawn.move_to(left + start * module, top + row * module)
                drawn.horizontal_line_relative(length * module)
                drawn.vertical_line_relative(module)
                drawn.horizontal_line_relative(-length * module)
                drawn.close()


def _draw_lines(pdf: FPDF, page: layout.Layout, files: list[str]) -> None:
    for file in files:
        pdf.add_font(file, fname=fonts.folder() / file)
    pdf.set_fallback_fonts(files[1:])
    for line in page.lines:
        pdf.set_font(files[0], size=line.size * POINTS_PER_INCH / MICROMETRES_PER_INCH)
        direction = TextDirection.RTL if line.right_to_left else TextDirection.LTR
        pdf.set_text_shaping(use_shaping_engine=True, direction=direction)
        pdf.set_text_color(layout.WHITE if line.colour == layout.WHITE else layout.BLACK)
        pdf.set_xy(0, _mm(line.baseline - line.size * CELL_BASELINE_PER_MILLE // 1000))
        text = unicodedata.normalize("NFC", line.text)
        pdf.cell(_mm(page.width), _mm(line.size), text, align="C")


def _torn(text: str) -> str:
    """The first mark that fpdf2 would draw apart from its letter; empty if there is none.

    fpdf2 shapes text by script, and marks that several scripts share, such as Arabic vowels, have
    none of their own. A letter and the next one would not join over them either.
    """
    shared = (char for char in text if get_unicode_script(char) is UnicodeScript.INHERITED)
    return next((char for char in shared if char != NON_JOINER), "")


def _mm(micrometres: int) -> float:
    return micrometres / 1000
