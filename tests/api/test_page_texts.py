"""Languages of the pages: complete catalogues, the language of a request, plural forms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from babel.messages.catalog import Message
from markupsafe import Markup

from api.pages.checkout_texts import checkout_statuses, checkout_texts
from api.pages.payer_texts import wallet_texts
from api.pages.sessions import status_texts
from api.pages.texts import choose, languages, preferences
from domain.errors import LedgerError
from domain.sessions.state import Status
from tests.support.catalogues import API, CATALOGUES, extracted, read, updated

PLACEHOLDER = re.compile(r"\{\w*\}")
COUNTS = range(1000)


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


def forms(message: Message) -> list[str]:
    return [str(message.string)] if isinstance(message.string, str) else list(message.string or ())


@pytest.fixture(params=CATALOGUES, ids=lambda path: path.parts[-3])
def path(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_language_has_exactly_the_texts_of_the_sources(path: Path) -> None:
    catalog = read(path)

    assert not catalog.obsolete
    assert {message.id for message in catalog} == {message.id for message in extracted()}
    assert path.read_text() == updated(path), "run `make texts`"


def test_every_text_is_translated_and_none_is_a_guess(path: Path) -> None:
    for message in read(path):
        if message.id:
            assert all(forms(message) or [None]), message.id
            assert not message.fuzzy, message.id
            assert not list(message.check(read(path))), message.id


def test_translations_have_the_placeholders_of_the_english_text(path: Path) -> None:
    for message in read(path):
        if isinstance(message.id, str):
            assert placeholders(str(message.string)) == placeholders(message.id), message.id


def test_a_plural_form_leaves_the_number_out_only_if_it_stands_for_one_number(path: Path) -> None:
    catalog = read(path)
    for message in catalog:
        if isinstance(message.id, tuple):
            singular, plural = message.id
            assert len(forms(message)) == catalog.num_plurals
            language = languages()[path.parts[-3].partition("_")[0]]
            used = [language._translations.ngettext(singular, plural, n) for n in COUNTS]
            for form in forms(message):
                missing = placeholders(form) != placeholders(plural)
                assert not missing or used.count(form) == 1, form


def test_plural_forms_by_category_are_those_of_the_catalogue() -> None:
    for language in languages().values():
        by_category = language.plurals("{n} second left", "{n} seconds left")
        category = Locale.parse(language.locale).plural_form
        for n in COUNTS:
            expected = language._translations.ngettext("{n} second left", "{n} seconds left", n)
            assert by_category[category(n)] == expected, (language.tag, n)


def test_arabic_has_six_plural_forms_and_is_written_from_right_to_left() -> None:
    arabic = languages()["ar"]

    assert (arabic.tag, arabic.direction) == ("ar", "rtl")
    names = {"zero", "one", "two", "few", "many", "other"}
    assert set(arabic.plurals("{n} minute left", "{n} minutes left")) == names


def names_in(module: str) -> set[str]:
    """The names that a module reads from `data.texts`."""
    source = (API / "static" / module).read_text()
    unpacked = re.search(r"const \{ ([\w, ]+) \} = data\.texts;", source)
    direct = set(re.findall(r"data\.texts\.(\w+)", source))
    return direct | set(unpacked[1].split(", ") if unpacked else ())


def test_modules_get_exactly_the_texts_they_show() -> None:
    english = languages()["en"]
    checkout, wallet = checkout_texts(english), wallet_texts(english)

    assert names_in("checkout.js") == set(checkout)
    assert names_in("wallet.js") == set(wallet)
    connections = re.search(
        r"@typedef \{([^}]+)\} Connection", (API / "static/live.js").read_text()
    )
    assert connections
    assert set(re.findall(r'"(\w+)"', connections[1])) == set(checkout["connection"])
    assert set(wallet["refusals"]) <= set(LedgerError.by_code)


def test_every_status_has_a_title_and_an_explanation() -> None:
    for language in languages().values():
        for texts in (status_texts(language), checkout_statuses(language)):
            assert {status.value for status in Status} <= set(texts)
            assert all(title and hint for title, hint in texts.values())


@pytest.mark.parametrize(
    ("lang", "header", "tag"),
    [
        ("", "", "en"),
        ("", "pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        ("", "pt-PT", "pt-BR"),
        ("", "AR-eg", "ar"),
        ("", "xx, yy;q=0.9, ar;q=0.2", "ar"),
        ("", "en;q=0.2, pt;q=0.8, ar;q=0.5", "pt-BR"),
        ("", "pt;q=0, en;q=0.1", "en"),
        ("", "pt;q=0", "en"),
        ("", "*;q=0.9, ar;q=0.1", "en"),
        ("", "ar;q=1.000, pt;q=0.999", "ar"),
        ("", "ar;q=2, pt;q=0.1", "pt-BR"),
        ("", "ar;q=x, pt", "pt-BR"),
        ("", ";;,,=, \t", "en"),
        ("ar", "pt", "ar"),
        ("pt-PT", "ar", "pt-BR"),
        ("xx", "ar", "ar"),
        ("\u0660", "ar", "ar"),
    ],
)
def test_the_language_is_the_parameters_or_the_best_the_browser_accepts(
    lang: str, header: str, tag: str
) -> None:
    assert choose(lang, header).tag == tag


def test_ranges_of_equal_weight_keep_their_order() -> None:
    header = "fr;q=0.5, en , de;q=0.50,pt-BR;q=1.0 , *;q=0.1"

    assert preferences(header) == ["en", "pt-BR", "fr", "de", "*"]


def test_values_are_escaped_and_isolated_and_texts_are_escaped() -> None:
    values: dict[str, Any] = {"payee": "<b>\u0085", "amount": Markup("<i>1</i>")}
    arabic = languages()["ar"]

    assert arabic.html("Pay {payee}", **values).endswith('<bdi dir="auto">&lt;b&gt;\ufffd</bdi>')
    assert " <i>1</i>" in arabic.html("Pay {amount}", **values)
    assert languages()["en"].html("a < b") == "a &lt; b"
