"""Every picture of a code is read back by an independent reader."""

from __future__ import annotations

import io
from hashlib import sha256

import pytest
import segno
from PIL import Image

from application.ports.pictures import REVISION, CodePicture
from domain.qr import emv_mpm
from infrastructure.pictures import codes
from tests.support.code_texts import EMV, TEXTS
from tests.support.read_pictures import codes_in, from_png, from_svg, from_terminal, read

READERS = {"svg": from_svg, "png": from_png, "txt": from_terminal}
DRAWN = "584869b6bd75ee42"
"""Of every text in every format: change it together with `REVISION`."""


def picture(kind: str, text: str, *, scale: int = 8, border: int = 4) -> bytes:
    return codes.draw(CodePicture(kind=kind, text=text, scale=scale, border=border))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("kind", READERS)
def test_every_format_of_every_kind_of_code_is_read_back(kind: str, text: str) -> None:
    assert read(READERS[kind](picture(kind, text))) == text


@pytest.mark.parametrize("scale", range(2, 41))
def test_png_pictures_of_every_size_are_read_back(scale: int) -> None:
    for name in ("dynamic address", "signed EMVCo"):
        drawn = from_png(picture("png", TEXTS[name], scale=scale))

        assert read(drawn) == TEXTS[name]
        assert drawn.width == scale * (len(codes.symbol(TEXTS[name])) + 8)


def test_one_pixel_per_module_is_read_back_when_it_is_enlarged() -> None:
    for text in TEXTS.values():
        drawn = from_png(picture("png", text, scale=1))

        assert read(drawn.resize((drawn.width * 3, drawn.height * 3), 0)) == text


@pytest.mark.parametrize("border", range(4, 17))
@pytest.mark.parametrize("kind", READERS)
def test_every_width_of_the_quiet_zone_is_read_back(kind: str, border: int) -> None:
    text = TEXTS["signed address"]

    assert read(READERS[kind](picture(kind, text, border=border))) == text


@pytest.mark.parametrize("border", [4, 9, 16])
def test_the_quiet_zone_is_light_and_as_wide_as_asked(border: int) -> None:
    drawn = from_png(picture("png", TEXTS["Pix"], scale=3, border=border)).convert("L")

    dark = drawn.point(lambda value: 255 - value).getbbox()

    assert dark == (3 * border, 3 * border, drawn.width - 3 * border, drawn.height - 3 * border)
    assert {value for _, value in drawn.getcolors() or []} == {0, 255}


@pytest.mark.parametrize("mask", range(8))
def test_every_mask_is_read_so_a_fixed_one_is_safe(mask: int) -> None:
    for text in TEXTS.values():
        out = io.BytesIO()
        segno.make_qr(text, error="m", mask=mask, encoding="utf-8").save(out, kind="png", scale=4)

        assert read(from_png(out.getvalue())) == text


@pytest.mark.parametrize("text", ["1", "A1", "HELLO"])
def test_a_short_text_makes_no_micro_qr_code(text: str) -> None:
    assert len(codes.symbol(text)) == 21


def level(text: str) -> str:
    [found] = codes_in(from_png(picture("png", text)))
    return str(found.ec_level)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_error_level_is_the_highest_that_needs_no_larger_symbol(text: str) -> None:
    sides = {
        each: len(segno.make_qr(text, error=each, boost_error=False, encoding="utf-8").matrix)
        for each in "mqh"
    }
    highest = max((each for each in "mqh" if sides[each] == sides["m"]), key="mqh".index)

    assert len(codes.symbol(text)) == sides["m"]
    assert level(text) == ("M" if text.startswith("BCD\n") else highest.upper())


def test_an_epc_code_has_level_m_even_if_a_higher_one_is_free() -> None:
    texts = [
        f"BCD{end}002{end}1{end}SCT{end}{'x' * n}" for end in ("\n", "\r\n") for n in range(40)
    ]

    assert {level(text) for text in texts} == {"M"}
    assert {level(text.replace("BCD", "bcd")) for text in texts} > {"M"}


@pytest.mark.parametrize(
    "name", ["Café", "Zoë ẞ", "Київ", "قهوة", "ร้านกาแฟ", "最佳运输", "カフェ", "☕🥐"]
)
def test_names_in_any_script_are_read_back_as_utf_8(name: str) -> None:
    text = emv_mpm.build(EMV) + name

    assert read(from_png(picture("png", text))) == text
    [found] = codes_in(from_png(picture("png", text)))
    assert found.bytes == text.encode()


def test_upper_case_makes_a_smaller_symbol() -> None:
    text = TEXTS["dynamic address"]

    assert len(codes.symbol(text)) < len(codes.symbol(text.lower()))


@pytest.mark.parametrize("scale", [1, 7, 40])
@pytest.mark.parametrize("border", [4, 16])
def test_svg_states_its_size_and_contains_nothing_that_runs(scale: int, border: int) -> None:
    text = TEXTS["signed EMVCo"]
    data = picture("svg", text, scale=scale, border=border).decode()
    side = len(codes.symbol(text)) + 2 * border

    assert f'width="{side * scale}" height="{side * scale}" viewBox="0 0 {side} {side}"' in data
    assert data.count("<path") == 2
    assert not [word for word in ("script", "style", "href", "on") if f"{word}=" in data]


def test_the_largest_picture_is_small() -> None:
    text = "0" * 40 + "aB" * 236

    sizes = [len(picture(kind, text, scale=40, border=16)) for kind in READERS]

    assert len(text) == 512
    assert max(sizes) < 64 * 1024
    assert Image.open(io.BytesIO(picture("png", text, scale=40, border=16))).width < 5_000


def test_a_change_of_what_is_drawn_raises_the_revision() -> None:
    drawn = b"".join(
        picture(kind, text) for text in TEXTS.values() for kind in READERS if kind != "png"
    )

    assert (REVISION, sha256(drawn).hexdigest()[:16]) == (1, DRAWN)
