"""The colour of a merchant on the pages of its payers, at the end of their style sheet.

The pages' policy forbids styles within a page, so the colour is part of the name of their sheet. It
replaces that of the house where it can be told apart from what is behind it; what means something
(paid, the last minute, a lost connection) keeps its colour.
"""

from __future__ import annotations

import re
from typing import Final

from domain.merchants.branding import contrast

SURFACES: Final = {"light": ("#ffffff", "#f3f5f4"), "dark": ("#18211d", "#0e1512")}
"""`--paper` and `--ground` of `pages.css`, by colour scheme."""
GRAPHICS_CONTRAST_MIN: Final = 3_000
"""In thousandths, of a button or a ring and what is behind it (WCAG 2.2, 1.4.11)."""
TEXT_CONTRAST_MIN: Final = 4_500
"""In thousandths, of the words on a button (WCAG 2.2, 1.4.3)."""
_WHITE, _BLACK = "#ffffff", "#000000"
_COLOURED = re.compile(r"(checkout|wallet)-([0-9a-f]{6})\.css")


def coloured(sheet: str, colour: str) -> str:
    """The name of a style sheet in a colour `#rrggbb`; its own if the colour is empty."""
    return f"{sheet.removesuffix('.css')}-{colour[1:]}.css" if colour else sheet


def parts_of(name: str) -> tuple[str, str]:
    """The style sheet and the colour that a name says; the name itself if it says none."""
    found = _COLOURED.fullmatch(name)
    return (f"{found[1]}.css", f"#{found[2]}") if found else (name, "")


def colour_rules(colour: str) -> bytes:
    """A rule for each scheme that can show the colour, of which there is one. Not for paper."""
    rules = [
        f"@media screen and (prefers-color-scheme: {scheme}) "
        f"{{ :root {{ --accent: {colour}; --accent-ink: {ink(colour)}; }} }}\n"
        for scheme in SURFACES
        if shown_in(scheme, colour)
    ]
    return "".join(rules).encode()


def shown_in(scheme: str, colour: str) -> bool:
    """Whether a colour can be told apart from every surface of a scheme, `light` or `dark`."""
    return all(contrast(colour, one) >= GRAPHICS_CONTRAST_MIN for one in SURFACES[scheme])


def ink(colour: str) -> str:
    """White or black, whichever can be read on a colour: one of them always can."""
    return _WHITE if contrast(colour, _WHITE) >= TEXT_CONTRAST_MIN else _BLACK
