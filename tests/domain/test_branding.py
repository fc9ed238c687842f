"""The logo and the colour of a merchant: which files and colours are taken, and their event."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.merchants.branding import Branding, contrast
from domain.merchants.logo import LOGO_BYTES_MAX, Logo, read_logo
from domain.merchants.merchant import Merchant
from tests.support.aggregates import fact, given
from tests.support.logos import animated, largest, picture
from tests.support.memory_log import START

REGISTERED = fact(Merchant.Registered, START, name="Cafe", return_hosts=[])
LOGO = Logo(sha256="0" * 64, media_type="image/png", width=320, height=80)
BRANDING = Branding(logo=LOGO, accent="#c8102e")
CHANGED = fact(
    Merchant.BrandingChanged,
    START,
    logo_sha256="0" * 64,
    logo_media_type="image/png",
    logo_width=320,
    logo_height=80,
    accent="#c8102e",
)
NONE = fact(
    Merchant.BrandingChanged,
    START,
    logo_sha256="",
    logo_media_type="",
    logo_width=0,
    logo_height=0,
    accent="",
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def test_logo_and_colour_are_recorded() -> None:
    scenario = given(REGISTERED).when(lambda merchant: merchant.set_branding(BRANDING, at=START))

    scenario.then(CHANGED)
    assert scenario.aggregate.branding == BRANDING


def test_the_same_again_records_nothing() -> None:
    given(REGISTERED, CHANGED).when(lambda it: it.set_branding(BRANDING, at=START)).then()


def test_both_can_be_taken_back() -> None:
    scenario = given(REGISTERED, CHANGED).when(lambda it: it.set_branding(Branding(), at=START))

    scenario.then(NONE)
    assert scenario.aggregate.branding == Branding()


@pytest.mark.parametrize(
    "colour",
    [
        "0b6b3f",
        "#0B6B3F",
        "#0b6",
        "#0b6b3f ",
        "#0b6b3f\n",
        "red",
        "#0b6b3g",
        "#٠b6b3f",
        "#0b6b3f;}",
    ],
)
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(InvalidRequest, match="accent"):
        Branding(accent=colour).check()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(16, 16), (144, 48), (1024, 40), (31, 33)])
def test_pictures_are_taken_for_what_their_bytes_say(kind: str, size: tuple[int, int]) -> None:
    data = picture(kind, size)

    logo = read_logo(data)

    assert logo == Logo(
        sha256=hashlib.sha256(data).hexdigest(),
        media_type=f"image/{kind.lower()}",
        width=size[0],
        height=size[1],
    )


@pytest.mark.parametrize("options", [{"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}])
def test_every_form_of_webp_is_read(options: dict[str, object]) -> None:
    logo = read_logo(picture("WEBP", (300, 77), **options))

    assert (logo.media_type, logo.width, logo.height) == ("image/webp", 300, 77)


def test_a_progressive_jpeg_is_read() -> None:
    assert read_logo(picture("JPEG", (300, 77), progressive=True)).width == 300


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x89PNG", SVG, b"GIF89a" + bytes(40), b"\xff\xd8", b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xda\x00\x08\xff\xd9", b"RIFF\x04\x00\x00\x00WEBP", b"RIFF",
        picture()[:-1], picture() + b"<script>", picture("JPEG")[:-1], picture("WEBP")[:-2],
        picture("JPEG") + SVG, picture("WEBP") + SVG, picture("GIF"), picture("BMP", (16, 16)),
    ],
)  # fmt: skip
def test_what_is_no_whole_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="must be a whole PNG, JPEG or WebP file"):
        read_logo(data)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_moves_is_refused(kind: str) -> None:
    with pytest.raises(InvalidRequest, match="may not be animated"):
        read_logo(animated(kind))


@pytest.mark.parametrize("size", [(15, 48), (48, 15), (1025, 48), (48, 1025)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_sides_that_are_too_short_or_too_long_are_refused(kind: str, size: tuple[int, int]) -> None:
    with pytest.raises(InvalidRequest, match="sides of 16 to 1024 pixels"):
        read_logo(picture(kind, size))


def test_a_file_may_have_16_kibibytes() -> None:
    data = largest()

    assert len(data) == LOGO_BYTES_MAX
    assert read_logo(data).media_type == "image/png"
    with pytest.raises(InvalidRequest, match="may have at most 16384 bytes"):
        read_logo(data + b"\0")


@for_any(
    st.binary(max_size=200),
    st.sampled_from([b"", *(picture(k)[:30] for k in ("PNG", "JPEG", "WEBP"))]),
)
def test_any_bytes_are_taken_or_refused(data: bytes, start: bytes) -> None:
    with suppress(InvalidRequest):
        assert read_logo(start + data).check() is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    "change", [{"sha256": "0" * 63}, {"media_type": "image/svg+xml"}, {"width": 0}]
)
def test_what_no_file_can_say_is_not_recorded(change: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match="logo"):
        replace(BRANDING, logo=replace(LOGO, **change)).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "thousandths"),
    [
        ("#000000", "#ffffff", 21_000),
        ("#777777", "#ffffff", 4_478),
        ("#ff0000", "#ffffff", 3_998),
        ("#0b6b3f", "#ffffff", 6_585),
        ("#0a0a0a", "#000000", 1_060),
        ("#5fd29a", "#5fd29a", 1_000),
    ],
)
def test_contrasts_are_those_of_wcag(one: str, other: str, thousandths: int) -> None:
    """Of https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio, computed with floating point."""
    assert contrast(one, other) == pytest.approx(thousandths, abs=2)
    assert contrast(one, other) == contrast(other, one)
