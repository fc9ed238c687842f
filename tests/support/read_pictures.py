"""Pictures turned back into modules and texts, by nothing that drew them."""

from __future__ import annotations

import io
import re
import zlib

import zxingcpp
from PIL import Image

MODULE = 6
"""Pixels per module of what is painted here."""
_KIND = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
POINTS_PER_INCH, MILLIMETRES_PER_INCH = 72, 25.4


def codes_in(picture: Image.Image) -> list[zxingcpp.Barcode]:
    """The QR codes in a picture, as zxing-cpp reads them.

    Other kinds of codes are not looked for, as no wallet does: among random modules and letters one
    is sometimes seen. Micro QR is such a kind.
    """
    found = zxingcpp.read_barcodes(picture.convert("L"), formats=_KIND)
    return list(found)


def read(picture: Image.Image) -> str:
    """The text of the only QR code in a picture.

    Raises:
        ValueError: there is no QR code, or more than one.
    """
    [found] = codes_in(picture)
    return str(found.text)


def from_png(data: bytes) -> Image.Image:
    """A PNG, fully decoded."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def from_svg(data: bytes) -> Image.Image:
    """The last path of an SVG: rectangles `M x y h n v1 h -n z`, dark on light."""
    path = re.findall(r' d="([^"]+)"', data.decode())[-1]
    boxes = [
        (int(x), int(y), int(length)) for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1", path)
    ]
    assert path == "".join(f"M{x} {y}h{length}v1h-{length}z" for x, y, length in boxes)
    side = max(max(x + length, y + 1) for x, y, length in boxes) + 4
    return painted(side, boxes)


def from_terminal(data: bytes) -> Image.Image:
    """Half blocks; on a dark terminal a full block is light."""
    lines = data.decode().splitlines()
    picture = Image.new("L", (len(lines[0]), 2 * len(lines)), 255)
    for row, line in enumerate(lines):
        for column, char in enumerate(line):
            picture.putpixel((column, 2 * row), 255 if char in "█▀" else 0)
            picture.putpixel((column, 2 * row + 1), 255 if char in "█▄" else 0)
    return enlarged(picture)


def from_pdf(data: bytes) -> tuple[Image.Image, float, float]:
    """The code of a page, the side of a module, and the left edge of the first dark one, in mm."""
    content = page_content(data)
    [points_per_unit] = map(float, re.findall(rb"q ([\d.]+) 0 0 -[\d.]+ 0 [\d.]+ cm", content))
    moves = re.findall(rb"([\d.]+) ([\d.]+) m ([\d.]+) [\d.]+ l [\d.]+ ([\d.]+) l", content)
    runs = [tuple(map(float, move)) for move in moves]
    module = min(bottom - top for _, top, _, bottom in runs)
    left, first = min(run[0] for run in runs), min(run[1] for run in runs)
    boxes = [
        (round((x - left) / module) + 4, round((y - first) / module) + 4, round((end - x) / module))
        for x, y, end, _ in runs
    ]
    side = max(y for _, y, _ in boxes) + 5
    scale = points_per_unit / POINTS_PER_INCH * MILLIMETRES_PER_INCH
    return painted(side, boxes), module * scale, left * scale


def page_content(data: bytes) -> bytes:
    """What a PDF draws on its only page."""
    [content] = [stream for stream in pdf_streams(data) if b" Tf ET" in stream]
    return content


def glyphs(data: bytes) -> list[int]:
    """The number of every glyph on the page; 0 is the box for a missing one."""
    found: list[int] = []
    for text in re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", page_content(data), re.DOTALL):
        plain = re.sub(rb"\\(.)", rb"\1", text, flags=re.DOTALL)
        found += [int.from_bytes(plain[n : n + 2], "big") for n in range(0, len(plain), 2)]
    return found


def pdf_streams(data: bytes) -> list[bytes]:
    """Every compressed stream of a PDF."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    return [zlib.decompressobj().decompress(stream) for stream in streams if stream[:1] == b"x"]


def painted(side: int, boxes: list[tuple[int, int, int]]) -> Image.Image:
    """Dark runs of modules (left, top, length) on a light square."""
    picture = Image.new("L", (side, side), 255)
    for x, y, length in boxes:
        picture.paste(0, (x, y, x + length, y + 1))
    return enlarged(picture)


def enlarged(picture: Image.Image) -> Image.Image:
    """Each module as a square of pixels."""
    size = (picture.width * MODULE, picture.height * MODULE)
    return picture.resize(size, Image.Resampling.NEAREST)
