"""Known bugs of merchants' logos and colours."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

FILES, COLOURS, PAGES = (
    "tests/domain/test_branding.py",
    "api/pages/accents.py",
    "tests/api/test_branding.py",
)
LOGO = "domain/merchants/logo.py"

BRANDING_BUGS: Final = [
    Bug("a logo may have something behind it", LOGO,
        " or at != len(data):\n", ":\n", FILES),
    Bug("a logo may move", LOGO,
        '    if b"acTL" in kinds:\n', "    if False:\n", FILES),
    Bug("a logo may be larger than the budget of the page allows", LOGO,
        "    if len(data) > LOGO_BYTES_MAX:\n", "    if False:\n", FILES),
    Bug("a colour is used where it cannot be seen", COLOURS,
        "        if shown_in(scheme, colour)\n", "", PAGES),
    Bug("words on a colour are always white", COLOURS,
        "    return _WHITE if contrast(colour, _WHITE) >= TEXT_CONTRAST_MIN else _BLACK\n",
        "    return _WHITE\n", PAGES),
    Bug("a logo that was opened on its own may do what a page may", "api/pages/branding.py",
        """    "Content-Security-Policy": "default-src 'none'; sandbox",\n""", "", PAGES),
    Bug("the database takes a file under another's digest",
        "infrastructure/postgres/sql/0021_logos.sql",
        " check (sha256 = pg_catalog.sha256(data))", "", "tests/infrastructure/test_logos.py"),
    Bug("the same logo again is another event", "domain/merchants/merchant.py",
        "        if self.branding != branding:\n", "        if True:\n", FILES),
]  # fmt: skip
