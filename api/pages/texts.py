"""The languages of the pages, and which one a request gets (ADR 17).

The texts in the sources are English. Every other language is one catalogue, discovered by its path:
`api/locale/<language>/LC_MESSAGES/pages.po`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

from api.pages.templating import isolated

DEFAULT: Final = "en"
_RANGE: Final = re.compile(
    r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*"
    r"(?:;\s*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?",
    re.ASCII,
)
"""A language range with its weight (RFC 9110, 12.5.4)."""
_PLURAL_SAMPLES: Final = 200
"""Numbers below this cover every plural category that our languages use up to a million."""


class Language:
    """One language: its locale, its direction and its texts."""

    def __init__(self, locale: Locale, translations: NullTranslations) -> None:
        self.locale = str(locale)
        """As Babel writes it, such as `pt_BR`."""
        self.tag = self.locale.replace("_", "-")
        """As HTML writes it (BCP 47), such as `pt-BR`."""
        self.direction: str = locale.text_direction
        """`ltr` or `rtl`."""
        self._translations = translations
        self._samples: dict[str, int] = {}
        for n in range(_PLURAL_SAMPLES):
            self._samples.setdefault(locale.plural_form(n), n)

    def gettext(self, message: str) -> str:
        """The text in this language, or as it is if the catalogue has none."""
        return self._translations.gettext(message)

    def plurals(self, singular: str, plural: str) -> dict[str, str]:
        """Every plural form by its CLDR category, which is what `Intl.PluralRules` selects."""
        ngettext = self._translations.ngettext
        return {name: ngettext(singular, plural, n) for name, n in self._samples.items()}

    def html(self, message: str, /, **values: object) -> Markup:
        """The text for a template, where it is called `_`; fills placeholders such as `{payee}`.

        Values are escaped and isolated from the direction of the text around them; `Markup` is
        taken as it is.
        """
        translated = Markup(escape(self.gettext(message)))  # noqa: S704 - escaped right here
        if not values:
            return translated
        return translated.format(**{name: isolated(v) for name, v in values.items()})


def choose(lang: str, accept_language: str) -> Language:
    """The language of a page: `lang` if it is available, else the best of `Accept-Language`.

    Args:
        lang: the `lang` parameter of the address; empty if there is none.
        accept_language: the header (RFC 9110, 12.5.4); empty if there is none.
    """
    available = languages()
    for language_range in (lang, *preferences(accept_language)):
        tag = DEFAULT if language_range == "*" else language_range
        language = available.get(tag.strip().partition("-")[0].lower())
        if language is not None:
            return language
    return available[DEFAULT]


def preferences(accept_language: str) -> list[str]:
    """The language ranges of an `Accept-Language` header, most preferred first.

    Ranges of equal weight keep their order. Malformed ranges and those of weight 0 are left out.
    """
    weights: list[tuple[float, str]] = []
    for item in accept_language.split(","):
        match = _RANGE.fullmatch(item)
        weight = float(match[2] or 1) if match else 0.0
        if match and weight:
            weights.append((weight, match[1]))
    return [tag for _, tag in sorted(weights, key=lambda entry: -entry[0])]


@cache
def languages() -> Mapping[str, Language]:
    """Every language by its primary subtag, such as `pt`. Reads the catalogues on the first call.

    Raises:
        babel.messages.pofile.PoFileError: a catalogue is malformed.
    """
    available = {DEFAULT: Language(Locale.parse(DEFAULT), NullTranslations())}
    folders = (resources.files("api") / "locale").iterdir()
    for folder in sorted(folders, key=lambda folder: folder.name):
        locale = Locale.parse(folder.name)
        catalogue = folder / "LC_MESSAGES" / "pages.po"
        available[locale.language] = Language(locale, _read(catalogue))
    return available


def _read(catalogue: Traversable) -> GNUTranslations:
    """A catalogue, compiled in memory: there is no build step and no second file to keep fresh."""
    compiled = BytesIO()
    with catalogue.open("rb") as source:
        write_mo(compiled, read_po(source, abort_invalid=True))
    compiled.seek(0)
    return GNUTranslations(compiled)
