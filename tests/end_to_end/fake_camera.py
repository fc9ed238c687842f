"""What a camera sees: QR codes drawn by segno, as the file that Chromium shows as its camera."""

from __future__ import annotations

import io
from pathlib import Path

import segno
from PIL import Image

SIZE = (640, 480)
BLANK_FRAMES = 10
"""The camera opens on an empty table; the code appears after half a second."""


def picture(text: str, *, scale: int = 8) -> Image.Image:
    """A code as a till shows it, on a grey table."""
    drawn = io.BytesIO()
    segno.make(text, micro=False, error="m").save(drawn, kind="png", scale=scale, border=4)
    code = Image.open(drawn).convert("RGB")
    code.thumbnail((SIZE[0], SIZE[1] - 40))
    table = Image.new("RGB", SIZE, (120, 120, 120))
    table.paste(code, ((SIZE[0] - code.width) // 2, (SIZE[1] - code.height) // 2))
    return table


def png(text: str) -> bytes:
    """A code as an image file."""
    return _encoded(picture(text), "PNG")


def film(path: Path, text: str | None) -> None:
    """Let the camera see a code; None: nothing but the table."""
    blank = _encoded(Image.new("RGB", SIZE, (120, 120, 120)), "JPEG")
    shown = _encoded(picture(text), "JPEG") if text else blank
    path.write_bytes(blank * BLANK_FRAMES + shown * 30)


def _encoded(image: Image.Image, kind: str) -> bytes:
    data = io.BytesIO()
    image.save(data, format=kind)
    return data.getvalue()
