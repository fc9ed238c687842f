"""The fixed texts of printable posters."""

from __future__ import annotations

from typing import NamedTuple

from api.pages.texts import Language


class PosterTexts(NamedTuple):
    """What every poster says, in one language."""

    notice: str
    test: str
    """The mark of a test ledger."""


def poster_texts(language: Language) -> PosterTexts:
    """The texts in a language."""
    return PosterTexts(
        # Translators: on a printed code; the name is the payee's, shown by the payer's wallet.
        notice=language.gettext("Check the name before you pay"),
        # Translators: on printed codes of a ledger without real money.
        test=language.gettext("TEST: no money moves"),
    )
