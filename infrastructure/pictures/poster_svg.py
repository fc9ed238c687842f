"""Posters as SVG, in the fonts of whoever opens them."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from application.ports.pictures import Poster
from infrastructure.pictures import layout
from infrastructure.pictures.codes import path
from infrastructure.pictures.layout import Layout, Line

FONTS: Final = "'Noto Sans', 'DejaVu Sans', system-ui, sans-serif"
FITTED_PER_MILLE: Final = 700
"""A line wider than this part of the page gets its measured width, whatever the font."""


def draw(poster: Poster) -> bytes:
    """The poster as one SVG document without scripts, styles or references."""
    page = layout.of(poster)
    scale = page.code_side / len(page.code)
    paper = f'width="{page.width // 1000}mm" height="{page.height // 1000}mm"'
    box, language = f"0 0 {page.width} {page.height}", quoteattr(poster.language)
    place = f"translate({page.code_x} {page.code_y}) scale({scale:.6f})"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {paper} viewBox="{box}" xml:lang={language}>',
        f"<title>{escape(poster.payee)}</title>",
        f'<path fill="#fff" d="M0 0h{page.width}v{page.height}h-{page.width}z"/>',
        *(
            f'<rect y="{top}" width="{page.width}" height="{height}" fill="{layout.RED}"/>'
            for top, height in page.bands
        ),
        f'<g transform="{place}" shape-rendering="crispEdges"><path d="{path(page.code)}"/></g>',
        f'<g font-family="{FONTS}" font-weight="600" text-anchor="middle">',
        *(_text(line, page) for line in page.lines),
        "</g></svg>",
    ]
    return "\n".join(parts).encode() + b"\n"


def _text(line: Line, page: Layout) -> str:
    """A line; a wide one is squeezed or stretched to its measured width by the reader."""
    fitted = ""
    if line.width * 1000 > page.width * FITTED_PER_MILLE:
        fitted = f' textLength="{line.width}" lengthAdjust="spacingAndGlyphs"'
    direction = ' direction="rtl"' if line.right_to_left else ""
    return (
        f'<text x="{page.width // 2}" y="{line.baseline}" font-size="{line.size}" '
        f'fill="{line.colour}"{direction}{fitted}>{escape(line.text)}</text>'
    )
