"""Printable posters: the code can be read, texts fit and never overlap, and no letter is a box."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Any, Literal
from xml.etree import ElementTree as ET

import pytest

from application.errors import PosterFontMissing
from application.ports.pictures import Poster
from infrastructure.pictures import fonts, layout
from infrastructure.pictures.drawing import LocalPictures
from tests.support.code_texts import TEXTS
from tests.support.read_pictures import from_pdf, from_svg, glyphs, page_content, read

NAMES = {
    "short": "Café",
    "long": "The Very Long & Famous Bakery of Saint-Germain des Prés and Sons and Daughters 1901",
    "one wide word": "W" * 80,
    "one narrow word": "i" * 80,
    "markup": '<b>Tom & "Jerry\'s"</b><script>x</script>]]>',
    "Arabic": "مقهى الزاوية الصغير",
    "Hebrew": "בית קפה השכונה 24",
    "Thai": "ร้านกาแฟมุมถนนเล็กๆน้ำ",
    "Devanagari": "नुक्कड़ की चाय दुकान श्री क्षेत्र",
    "one word with vowel signs": "की" * 40,
    "mixed": "Café قهوة Αθήνα Київ",
    "Chinese": "最佳运输" * 20,
    "spaces": "  a   b  ",
}
DRAWN = {name: text for name, text in NAMES.items() if name != "Chinese"}
SIZES: list[Literal["a6", "a4"]] = ["a6", "a4"]
pictures = LocalPictures()


def poster(kind: Literal["svg", "pdf"] = "svg", **fields: Any) -> Poster:
    values: dict[str, Any] = {
        "size": "a6", "text": TEXTS["signed EMVCo"], "payee": "Corner Cafe", "label": "Till 3",
        "amount": "$12.50", "notice": "Check the name before you pay", "host": "pay.example",
        "test": "",
    }  # fmt: skip
    return Poster(kind=kind, **{**values, **fields})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["signed address", "signed EMVCo", "EMVCo of a specification"])
def test_the_code_is_read_back_from_both_formats(size: Literal["a6", "a4"], kind: str) -> None:
    text = TEXTS[kind]

    pdf, module, left = from_pdf(pictures.draw(poster("pdf", size=size, text=text)))

    assert read(from_svg(pictures.draw(poster(size=size, text=text)))) == text
    assert read(pdf) == text
    assert module >= 0.5
    page = layout.of(poster(size=size, text=text))
    assert module * 1000 * len(page.code) == pytest.approx(page.code_side, abs=100)
    assert left * 1000 == pytest.approx(page.code_x + 4 * module * 1000, abs=100)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("test", ["", "TEST: no money moves"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_texts_stay_in_the_page_and_never_overlap(
    size: Literal["a6", "a4"], test: str, name: str
) -> None:
    page = layout.of(poster(size=size, payee=name, label=name[:40], test=test, host="a" * 60))

    spans = sorted(
        [
            *((line.baseline - line.size, line.baseline + line.size // 4) for line in page.lines),
            (page.code_y, page.code_y + page.code_side),
        ]
    )
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert spans[0][0] >= 0
    assert spans[-1][1] <= page.height
    margin = layout.MARGIN * page.width // 105_000
    assert all(line.width <= page.width - 2 * margin for line in page.lines)
    bands = [
        line
        for line in page.lines
        for top, height in page.bands
        if top <= line.baseline <= top + height
    ]
    assert [line.text for line in bands] == ([test, test] if test else [])


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_letter_of_a_name_is_there_in_order(name: str) -> None:
    page = layout.of(poster(payee=name, label="", amount="", notice="", host=""))

    assert "".join(line.text for line in page.lines).replace(" ", "") == name.replace(" ", "")
    assert all(unicodedata.category(line.text[0])[0] != "M" for line in page.lines)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("test", ["", "TEST: no money moves"])
def test_svg_shows_every_text_and_nothing_else(name: str, test: str) -> None:
    data = pictures.draw(poster(payee=name, test=test)).decode()

    root = ET.fromstring(data)  # noqa: S314 - our own
    tags = {element.tag.partition("}")[2] for element in root.iter()}
    texts = ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]
    assert tags <= {"svg", "title", "path", "rect", "g", "text"}
    shown = "".join(texts).replace(" ", "")
    for expected in (name, "Till 3", "$12.50", "Check the name before you pay", "pay.example"):
        assert expected.replace(" ", "") in shown
    assert texts.count("TEST: no money moves") == (2 if test else 0)
    assert len(re.findall("<rect ", data)) == (2 if test else 0)
    assert root.attrib["width"] == "105mm"


@pytest.mark.parametrize("word", ["की" * 40, "क्षे" * 20, "e\u0301" * 40, "นำ้" * 26, "W" * 80])
def test_a_word_breaks_between_letters_and_never_before_a_mark(word: str) -> None:
    for width in range(2_000, 20_000, 250):
        parts = layout._broken(word, width)

        assert "".join(parts) == word
        assert all(unicodedata.category(part[0])[0] != "M" for part in parts)
        assert all(fonts.width(part) <= width for part in parts)


def test_a_wide_line_has_its_measured_width_in_every_font() -> None:
    data = pictures.draw(poster(payee=NAMES["long"])).decode()

    fitted = re.findall(r'textLength="(\d+)" lengthAdjust="spacingAndGlyphs"', data)

    assert fitted
    assert max(map(int, fitted)) <= 105_000 - 2 * layout.MARGIN


def test_right_to_left_names_are_marked_as_such() -> None:
    assert b' direction="rtl"' not in pictures.draw(poster())
    for name in ("Arabic", "Hebrew"):
        assert pictures.draw(poster(payee=NAMES[name])).count(b' direction="rtl"') >= 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", DRAWN.values(), ids=DRAWN)
def test_pdf_draws_no_missing_glyph_and_always_the_same_bytes(
    size: Literal["a6", "a4"], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = pictures.draw(poster("pdf", payee=name, size=size, test="TEST"))

    assert data == pictures.draw(poster("pdf", payee=name, size=size, test="TEST"))
    assert data.startswith(b"%PDF-")
    assert len(data) < 128 * 1024
    assert len(glyphs(data)) > len(name.replace(" ", "")) // 2
    assert all(glyphs(data))
    assert len(set(re.findall(rb"/F\d+ ", page_content(data)))) == len(fonts.used(name))
    assert not caplog.records


@pytest.mark.parametrize("field", ["payee", "label", "amount", "notice", "host", "test"])
@pytest.mark.parametrize("text", ["ُمقهى", "山田商店", "カフェ", "카페", "☕ Bar", "ខ្មែរ", "\ue000"])
def test_pdf_is_refused_for_letters_that_no_font_has(field: str, text: str) -> None:
    with pytest.raises(PosterFontMissing) as refused:
        pictures.draw(poster("pdf", **{field: text}))

    assert refused.value.facts == {"character": f"U+{ord(text[0]):04X}"}
    assert text.encode() in pictures.draw(poster(**{field: text}))  # type: ignore[arg-type]


def test_a_mark_that_has_a_letter_of_its_own_is_drawn_as_that_letter() -> None:
    composed, apart = (pictures.draw(poster("pdf", payee=name)) for name in ("Café", "Cafe\u0301"))

    assert glyphs(composed) == glyphs(apart)


def test_the_test_mark_is_in_the_pdf_of_a_test_ledger_only() -> None:
    marked, plain = (pictures.draw(poster("pdf", test=test)) for test in ("TEST", ""))

    assert [page_content(each).count(b" re f") for each in (marked, plain)] == [2, 0]
    assert len(glyphs(marked)) == len(glyphs(plain)) + 2 * len("TEST")


def test_an_arabic_name_is_shaped_and_reversed_for_a_right_to_left_reader() -> None:
    joined, apart = fonts.width("قهوة"), sum(map(fonts.width, "قهوة"))

    assert fonts.is_right_to_left("24 قهوة")
    assert not fonts.is_right_to_left("Café قهوة")
    assert joined < apart


def test_a_code_that_cannot_be_printed_in_modules_of_half_a_millimetre_is_refused() -> None:
    with pytest.raises(ValueError, match="too dense"):
        pictures.draw(poster(text="a" * 2_000))


def test_the_fonts_have_their_licence_beside_them() -> None:
    licence = (fonts.folder() / "OFL.txt").read_text()

    assert {path.name for path in fonts.folder().glob("*.ttf")} == {*fonts.FILES}
    assert all(f"{name}: Copyright" in licence for name in fonts.FILES)
