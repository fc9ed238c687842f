"""Known bugs of pictures and posters."""

from __future__ import annotations

from typing import Final

from tests.planted.bug import Bug

CODES = "infrastructure/pictures/codes.py"
CACHE = "api/pictures.py"
LAYOUT = "infrastructure/pictures/layout.py"
SVG = "infrastructure/pictures/poster_svg.py"
PDF = "infrastructure/pictures/poster_pdf.py"
PROCESS = "infrastructure/pictures/process.py"
DRAWN = "tests/infrastructure/test_code_pictures.py"
POSTERS = "tests/infrastructure/test_posters.py"
SERVED = "tests/api/test_pictures.py"
ENDS = "tests/infrastructure/test_picture_process.py"

PICTURE_BUGS: Final = [
    Bug("a short text makes a Micro QR code", CODES,
        "code = segno.make_qr(\n", "code = segno.make(\n", DRAWN),
    Bug("a picture's quiet zone is one module too narrow", CODES,
        "    side, edge = len(matrix) + 2 * border, bytes(border)\n",
        "    border -= 1\n    side, edge = len(matrix) + 2 * border, bytes(border)\n", DRAWN),
    Bug("a PNG is white on black", CODES,
        '("0" if dark else "1") * scale', '("1" if dark else "0") * scale', DRAWN),
    Bug("the error level is not raised where it is free", CODES,
        "boost_error=not text.startswith(_EPC_HEADS)", "boost_error=False", DRAWN),
    Bug("an EPC code gets another level than M", CODES,
        "boost_error=not text.startswith(_EPC_HEADS)", "boost_error=True", DRAWN),
    Bug("letters are written in the first encoding that has them", CODES,
        ', encoding="utf-8"', "", DRAWN),
    Bug("a quiet zone of three modules is accepted", "api/v1/qr_images.py",
        "border: Annotated[int, Meta(ge=4, le=16)] = 4",
        "border: Annotated[int, Meta(ge=3, le=16)] = 4", SERVED),
    Bug("two pictures share a tag", CACHE,
        "msgspec.json.encode(drawing)\n", "drawing.text.encode()\n", SERVED),
    Bug("a tag does not name the revision's content but the time", CACHE,
        'b"%d " % REVISION', 'b"%d " % id(drawing)', SERVED),
    Bug("a picture is kept under its text alone", CACHE,
        "        key = etag(drawing)\n", "        key = drawing.text\n", SERVED),
    Bug("pictures that wait have no limit", CACHE,
        "            if len(self._waiting) >= WAITING_MAX:\n", "            if False:\n", SERVED),
    Bug("kept pictures have no limit", CACHE,
        "        while self._kept_bytes > self._bytes_max:\n", "        while False:\n", SERVED),
    Bug("everybody draws a picture again", CACHE,
        "        task = self._waiting.get(key)\n", "        task = None\n", SERVED),
    Bug("the first caller who leaves takes the picture along", CACHE,
        "return await asyncio.shield(task)", "return await task", SERVED),
    Bug("a picture is drawn before its session is looked up", CACHE,
        "            await check()\n", "", SERVED),
    Bug("a caller who has the picture gets it again", "api/v1/responses.py",
        'if etag in known or "*" in known:\n        return HttpResponse(b"", status_code=304, media_type=media_type',
        'if False:\n        return HttpResponse(b"", status_code=304, media_type=media_type', SERVED),
    Bug("a poster of a test ledger has no mark", LAYOUT,
        "if poster.test else ()", "if False else ()", POSTERS),
    Bug("a PDF has no test bands", PDF,
        "    _draw_bands(pdf, page)\n", "", POSTERS),
    Bug("a poster's text does not shrink", LAYOUT,
        "        if taken <= room:\n", "        if True:\n", POSTERS),
    Bug("a long name does not break", LAYOUT,
        "            lines += _broken(word, width_max)\n", "            lines.append(word)\n", POSTERS),
    Bug("a mark is torn from its letter", LAYOUT,
        "        if follows:\n", "        if False:\n", POSTERS),
    Bug("names are not escaped in SVG", SVG,
        "{escape(line.text)}</text>", "{line.text}</text>", POSTERS),
    Bug("another font makes lines overlap", SVG,
        "    if line.width * 1000 > page.width * FITTED_PER_MILLE:\n", "    if False:\n", POSTERS),
    Bug("a letter without a font is a box", PDF,
        "fonts.missing(texts) or _torn(texts)", "_torn(texts)", POSTERS),
    Bug("a vowel sign is drawn apart from its letter", PDF,
        "fonts.missing(texts) or _torn(texts)", "fonts.missing(texts)", POSTERS),
    Bug("a letter of another script has no font", PDF,
        "    pdf.set_fallback_fonts(files[1:])\n", "", POSTERS),
    Bug("the code on a poster is smaller than its place", PDF,
        "    module = _mm(page.code_side) / len(page.code)\n",
        "    module = _mm(page.code_side) / len(page.code) * 0.98\n", POSTERS),
    Bug("a poster has the time in it", PDF,
        "    pdf.set_creation_date(CREATED)\n", "    pdf.set_creation_date(datetime.now(UTC))\n", POSTERS),
    Bug("a code too dense for paper is printed", LAYOUT,
        "    if MODULE_MIN * len(code) > CODE_SIDE:\n", "    if False:\n", POSTERS),
    Bug("a drawing process that hangs is waited for", PROCESS,
        "except (OSError, EOFError) as error:", "except EOFError as error:", ENDS),
    Bug("a drawing process that died is asked again", PROCESS,
        "                self._end()\n                raise Overloaded",
        "                raise Overloaded", ENDS),
    Bug("a closed API leaves its drawing process behind", PROCESS,
        "        link.close()\n        process.kill()\n", "        return\n", ENDS),
]  # fmt: skip
"""Each one is caught by a test of the same area."""
