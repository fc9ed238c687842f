"""Every image is read back by an independent reader."""

from __future__ import annotations

import io
import re
from uuid import uuid4

import pytest
import zxingcpp
from PIL import Image, ImageFilter

from domain.qr import dynamic_url
from infrastructure.qr_images import SegnoImages

images = SegnoImages()
ORIGINS = ["http://127.0.0.1:8080", "https://pay.example", "https://a-longer-name.pay.example.com"]


def read(picture: Image.Image) -> str:
    [found] = zxingcpp.read_barcodes(picture.convert("L"))
    assert found.format == zxingcpp.BarcodeFormat.QRCode
    text: str = found.text
    return text


def from_svg(data: bytes, scale: int) -> Image.Image:
    """Paint the image's only path as a browser would: strokes one module wide."""
    text = data.decode()
    size = int(re.search(r'width="(\d+)"', text)[1])  # type: ignore[index]
    path = re.search(r'class="qrline"[^>]* d="([^"]+)"', text) or re.search(
        r'stroke="#000"[^>]* d="([^"]+)"', text
    )
    assert path is not None
    side = size // scale
    picture = Image.new("L", (side, side), 255)
    x = y = 0.0
    for command, rest in re.findall(r"([Mmh])([^Mmh]*)", path[1]):
        numbers = [float(n) for n in re.findall(r"-?\d*\.?\d+", rest)]
        if command == "M":
            x, y = numbers
        elif command == "m":
            x, y = x + numbers[0], y + numbers[1]
        else:
            for column in range(int(x), int(x + numbers[0])):
                picture.putpixel((column, int(y)), 0)
            x += numbers[0]
    return picture.resize((side * 8, side * 8), Image.Resampling.NEAREST)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("scale", [2, 8, 20])
def test_png_images_are_read_back(origin: str, scale: int) -> None:
    text = dynamic_url.build(origin, uuid4())

    picture = Image.open(io.BytesIO(images.png(text, scale=scale, border=4)))

    assert read(picture) == text
    assert picture.getpixel((0, 0)) != 0


@pytest.mark.parametrize("origin", ORIGINS)
def test_svg_images_are_read_back(origin: str) -> None:
    text = dynamic_url.build(origin, uuid4())

    data = images.svg(text, scale=8, border=4)

    assert read(from_svg(data, 8)) == text
    assert b"<script" not in data
    assert b"style=" not in data


@pytest.mark.parametrize("origin", ORIGINS)
def test_terminal_images_are_read_back(origin: str) -> None:
    text = dynamic_url.build(origin, uuid4())

    lines = images.terminal(text, border=4).decode().splitlines()

    picture = Image.new("L", (len(lines[0]), 2 * len(lines)), 255)
    for row, line in enumerate(lines):
        for column, char in enumerate(line):
            picture.putpixel((column, 2 * row), 255 if char in "█▀" else 0)
            picture.putpixel((column, 2 * row + 1), 255 if char in "█▄" else 0)
    assert read(picture.resize((picture.width * 6, picture.height * 6), 0)) == text


@pytest.mark.parametrize("angle", [0, 90, 17])
@pytest.mark.parametrize("blur", [0.0, 1.5])
def test_a_tilted_or_blurred_image_is_read_back(angle: int, blur: float) -> None:
    text = dynamic_url.build(ORIGINS[1], uuid4())
    picture = Image.open(io.BytesIO(images.png(text, scale=8, border=8))).convert("L")

    tilted = picture.rotate(angle, expand=True, fillcolor=255).filter(
        ImageFilter.GaussianBlur(blur)
    )

    assert read(tilted) == text


def test_upper_case_makes_a_smaller_symbol_and_short_texts_make_no_micro_qr() -> None:
    text = dynamic_url.build("https://pay.example", uuid4())

    def modules(content: str) -> int:
        return len(images.terminal(content, border=0).decode().splitlines()[0])

    assert modules(text) < modules(text.lower())
    assert modules("A1") == 21
