"""What an EMVCo code says about a merchant, within the limits of the specification.

EMV QR Code Specification for Payment Systems, Merchant-Presented Mode, 1.1, tables 3.5 and 3.8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from domain import text
from domain.errors import InvalidRequest
from domain.merchants.countries import COUNTRIES

NAME_CHARS_MAX: Final = 25
CITY_CHARS_MAX: Final = 15
POSTAL_CODE_CHARS_MAX: Final = 10
_ASCII = re.compile(r"[!-~]([ -~]*[!-~])?")
_CATEGORY = re.compile(r"[0-9]{4}")
_LANGUAGE = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QrSettings:
    """The merchant as EMVCo codes name it."""

    country: str
    """ISO 3166-1 alpha-2."""
    city: str
    """1 to 15 printable ASCII characters."""
    category: str
    """ISO 18245, four digits; 0000 if none applies."""
    name: str
    """1 to 25 printable ASCII characters."""
    postal_code: str = ""
    """At most 10 printable ASCII characters."""
    language: str = ""
    """ISO 639-1 in upper case, of the name in another script; empty: there is none."""
    local_name: str = ""
    """In that language, 1 to 25 characters of any script."""
    local_city: str = ""
    """In that language, at most 15 characters."""

    def check(self) -> None:
        """Check every part.

        Raises (checked in this order):
            InvalidRequest: the country, the city, the category, the name, the postal code, or a
                part of the name in another language is out of range; names it.
        """
        if self.country not in COUNTRIES:
            raise InvalidRequest.of("country", "is not a code of ISO 3166-1, two capital letters")
        _check_ascii("city", self.city, CITY_CHARS_MAX)
        if not _CATEGORY.fullmatch(self.category):
            raise InvalidRequest.of("category", "must have four digits (ISO 18245)")
        _check_ascii("name", self.name, NAME_CHARS_MAX)
        if self.postal_code:
            _check_ascii("postal_code", self.postal_code, POSTAL_CODE_CHARS_MAX)
        self._check_local()

    def _check_local(self) -> None:
        text.check("local_name", self.local_name)
        text.check("local_city", self.local_city)
        if bool(self.language) != bool(self.local_name) or (self.local_city and not self.language):
            reason = "is given together with a name in that language, or not at all"
            raise InvalidRequest.of("language", reason)
        if self.language and not _LANGUAGE.fullmatch(self.language):
            raise InvalidRequest.of("language", "is not a code of ISO 639-1, two capital letters")
        for name, value, chars_max in (
            ("local_name", self.local_name, NAME_CHARS_MAX),
            ("local_city", self.local_city, CITY_CHARS_MAX),
        ):
            if len(value) > chars_max or value != value.strip():
                reason = f"may have at most {chars_max} characters, no space at either end"
                raise InvalidRequest.of(name, reason)


def _check_ascii(name: str, value: str, chars_max: int) -> None:
    if len(value) > chars_max or not _ASCII.fullmatch(value):
        reason = f"must have 1 to {chars_max} printable ASCII characters, no space at either end"
        raise InvalidRequest.of(name, reason)
