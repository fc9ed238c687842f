"""How many damaged pictures are read: ours beside those of another encoder, as a table.

`python -m tests.support.degraded_pictures` writes the table into `docs/explanation/pictures.md`.
Every picture is made from a seed: the same code on the same grey ground, as wide, damaged in the
same way. zxing-cpp reads both; the other encoder is its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import zxingcpp
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from application.ports.pictures import CodePicture
from infrastructure.pictures import codes
from tests.support.code_texts import TEXTS
from tests.support.read_pictures import codes_in, from_png

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "pictures.md"
MARKS = ("<!-- degraded pictures -->\n", "<!-- end of degraded pictures -->\n")
GROUND = 420
"""Width and height of what the camera sees, in pixels."""
PER_DAMAGE = 48
NAMES = ("dynamic address", "signed address", "signed EMVCo", "EPC")
FINE = 8
Random = random.Random


def ours(text: str) -> Image.Image:
    """The code as the API draws it."""
    return from_png(codes.draw(CodePicture(kind="png", text=text, scale=FINE, border=4))).convert(
        "L"
    )


def others(text: str) -> Image.Image:
    """The code as zxing-cpp draws it, with the same quiet zone."""
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    drawn = Image.fromarray(barcode.to_image(scale=FINE, add_quiet_zones=False))
    framed = Image.new("L", (drawn.width + 8 * FINE, drawn.height + 8 * FINE), 255)
    framed.paste(drawn, (4 * FINE, 4 * FINE))
    return framed


def _placed(code: Image.Image, side: int, angle: float = 0.0) -> Image.Image:
    """The code, as wide as asked, turned, in the middle of a grey ground."""
    small = code.resize((side, side), Image.Resampling.BOX)
    mask = Image.new("L", small.size, 255)
    turned = [one.rotate(angle, Image.Resampling.BICUBIC, expand=True) for one in (small, mask)]
    ground = Image.new("L", (GROUND, GROUND), 150)
    corner = ((GROUND - turned[0].width) // 2, (GROUND - turned[0].height) // 2)
    ground.paste(turned[0], corner, turned[1])
    return ground


def _noisy(picture: Image.Image, chance: Random, share: float) -> Image.Image:
    noise = Image.frombytes("L", picture.size, chance.randbytes(picture.width * picture.height))
    return Image.blend(picture, noise, share)


def _tilted(picture: Image.Image, chance: Random, share: float) -> Image.Image:
    """Seen from the side: every corner moves inwards by up to a share of the width."""
    most = share * GROUND
    ends = [(0, 0), (0, GROUND), (GROUND, GROUND), (GROUND, 0)]
    quad = [end + (1 if end == 0 else -1) * -chance.uniform(0, most) for xy in ends for end in xy]
    return picture.transform(
        picture.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC, fillcolor=150
    )


def _glaring(picture: Image.Image, chance: Random, radius: float) -> Image.Image:
    """A soft white spot somewhere on the code."""
    spot = Image.new("L", picture.size, 0)
    x, y = (chance.uniform(0.3, 0.7) * GROUND for _ in range(2))
    ImageDraw.Draw(spot).ellipse((x - radius, y - radius, x + radius, y + radius), fill=230)
    return ImageChops.add(picture, spot.filter(ImageFilter.GaussianBlur(radius / 4)))


def _blurred(picture: Image.Image, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def _everything(code: Image.Image, chance: Random) -> Image.Image:
    picture = _placed(code, 240, chance.uniform(-30, 30))
    picture = _glaring(_tilted(picture, chance, 0.05), chance, chance.uniform(5, 20))
    return _noisy(_blurred(picture, chance.uniform(0, 1.0)), chance, 0.2)


DAMAGES: dict[str, Callable[[Image.Image, Random], Image.Image]] = {
    "rotation, any angle, 150 px": lambda code, c: _placed(code, 150, c.uniform(0, 360)),
    "blur, radius 0.5 to 3.0 px": lambda code, c: _blurred(_placed(code, 240), c.uniform(0.5, 3.0)),
    "noise, 20 to 75 %": lambda code, c: _noisy(_placed(code, 240), c, c.uniform(0.2, 0.75)),
    "perspective, corners off by up to 20 %": lambda code, c: _tilted(
        _placed(code, 260), c, c.uniform(0, 0.2)
    ),
    "glare, a spot of 20 to 110 px": lambda code, c: _glaring(
        _placed(code, 280), c, c.uniform(10, 55)
    ),
    "small, 50 to 130 px wide": lambda code, c: _placed(code, c.randint(50, 130), c.uniform(-5, 5)),
    "all of them together": _everything,
}


def is_read(picture: Image.Image, text: str) -> bool:
    """Whether a reader finds exactly this text."""
    return [found.text for found in codes_in(picture)] == [text]


@cache
def results() -> dict[str, tuple[int, int]]:
    """By damage: how many of 48 pictures are read, ours and the other encoder's."""
    drawn = {name: (ours(TEXTS[name]), others(TEXTS[name])) for name in NAMES}
    found = {}
    for damage, spoil in DAMAGES.items():
        counts = [0, 0]
        for seed in range(PER_DAMAGE):
            name = NAMES[seed % len(NAMES)]
            for encoder, code in enumerate(drawn[name]):
                counts[encoder] += is_read(spoil(code, Random(f"{damage} {seed}")), TEXTS[name])
        found[damage] = (counts[0], counts[1])
    return found


def table() -> str:
    """The results as Markdown."""
    lines = [
        f"| damage, {PER_DAMAGE} pictures each | ours | zxing-cpp's encoder |",
        "| --- | --- | --- |",
        *(f"| {name} | {our} | {other} |" for name, (our, other) in results().items()),
    ]
    all_ours, all_others = (sum(counts) for counts in zip(*results().values(), strict=True))
    lines.append(f"| **of {PER_DAMAGE * len(DAMAGES)}** | **{all_ours}** | **{all_others}** |")
    reader = f"zxing-cpp {version('zxing-cpp')}, Pillow {version('pillow')}"
    return "\n".join([*lines, "", f"Read by {reader}.", ""])


def filled(page: str) -> str:
    """The page with a fresh table."""
    before, _, rest = page.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    return f"{before}{MARKS[0]}{table()}{MARKS[1]}{after}"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
