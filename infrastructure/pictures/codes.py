"""QR codes as SVG, PNG and text for a terminal: one rule for the symbol, three ways to draw it.

A symbol is never a Micro QR code, which most wallets cannot read. Its error level is the highest
one, from M, that does not need a larger symbol; an EPC code has exactly M, as EPC069-12 demands.
Letters beyond ASCII are UTF-8. Pictures are black on white in every colour scheme.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import segno

from application.ports.pictures import CodePicture

MASK: Final = 2
"""Fixed: choosing the best of eight masks takes four fifths of the time and no reader needs it."""
SYMBOLS_KEPT: Final = 64
"""Of the last texts: one code is often drawn in several sizes."""
_EPC_HEADS: Final = ("BCD\n", "BCD\r\n")
_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"

Matrix = tuple[bytes, ...]
"""Rows from the top; 1 is dark."""


@lru_cache(maxsize=SYMBOLS_KEPT)
def symbol(text: str) -> Matrix:
    """The modules of a code, without a quiet zone."""
    code = segno.make_qr(
        text, error="m", boost_error=not text.startswith(_EPC_HEADS), mask=MASK, encoding="utf-8"
    )
    return tuple(map(bytes, code.matrix))


def draw(picture: CodePicture) -> bytes:
    """The bytes of a picture."""
    return _DRAW[picture.kind](bordered(symbol(picture.text), picture.border), picture.scale)


def bordered(matrix: Matrix, border: int) -> Matrix:
    """The modules with a quiet zone around them."""
    side, edge = len(matrix) + 2 * border, bytes(border)
    rows = tuple(edge + row + edge for row in matrix)
    return (bytes(side),) * border + rows + (bytes(side),) * border


def path(matrix: Matrix) -> str:
    """The dark modules as data of an SVG path to be filled, one unit per module."""
    return "".join(
        f"M{start} {y}h{length}v1h-{length}z"
        for y, row in enumerate(matrix)
        for start, length in runs(row)
    )


def runs(row: bytes) -> list[tuple[int, int]]:
    """Start and length of every run of dark modules."""
    found, start = [], row.find(1)
    while start >= 0:
        end = row.find(0, start)
        end = len(row) if end < 0 else end
        found.append((start, end - start))
        start = row.find(1, end)
    return found


def _svg(matrix: Matrix, scale: int) -> bytes:
    """One path, crisp at any size."""
    side = len(matrix)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side * scale}" height="{side * scale}" '
        f'viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/>'
        f'<path fill="#000" d="{path(matrix)}"/></svg>\n'
    ).encode()


def _png(matrix: Matrix, scale: int) -> bytes:
    """One bit per pixel. Rows that repeat the one above are zeros by PNG's filter "up"."""
    side = len(matrix) * scale
    pad = -side % 8
    repeated = (b"\x02" + bytes((side + pad) // 8)) * (scale - 1)
    lines = []
    for row in matrix:
        bits = "".join(("0" if dark else "1") * scale for dark in row) + "1" * pad
        lines.append(b"\x00" + int(bits, 2).to_bytes(len(bits) // 8, "big") + repeated)
    header = struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0)
    data = zlib.compress(b"".join(lines), 6)
    return _PNG_HEAD + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def _terminal(matrix: Matrix, _scale: int) -> bytes:
    """Half blocks, two modules per character; light modules are drawn, for dark terminals."""
    rows = matrix if len(matrix) % 2 == 0 else (*matrix, bytes(len(matrix)))
    lines = (
        "".join(" ▄▀█"[(not upper) * 2 + (not lower)] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    )
    return ("\n".join(lines) + "\n").encode()


_DRAW: Final[dict[str, Callable[[Matrix, int], bytes]]] = {
    "svg": _svg,
    "png": _png,
    "txt": _terminal,
}
