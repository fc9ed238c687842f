"""Pictures as an operator might upload them."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageDraw

from domain.merchants.logo import LOGO_BYTES_MAX


def picture(kind: str = "PNG", size: tuple[int, int] = (144, 48), **options: Any) -> bytes:
    """A file of the format, with a disc and a bar."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    height = size[1]
    draw.ellipse((0, 0, height - 1, height - 1), fill="#c8102e")
    bar = (height + 4, height // 3, max(size[0] - 4, height + 4), 2 * height // 3)
    draw.rectangle(bar, fill="#14211b")
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def animated(kind: str) -> bytes:
    """A file that moves."""
    frames = [Image.new("RGB", (48, 48), colour) for colour in ("red", "green")]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


def largest() -> bytes:
    """A PNG of as many bytes as a logo may have: a chunk that viewers skip fills it up."""
    data = picture()
    end, spare = data[-12:], LOGO_BYTES_MAX - len(data) - 12
    return data[:-12] + spare.to_bytes(4) + b"teXt" + bytes(spare) + bytes(4) + end
