"""Account numbers are never stored: how texts that may contain one are recognised."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

DIGITS_MAX: Final = 7
"""Domestic account numbers have 8 digits or more in almost every country."""
_SEPARATORS = re.compile(r"[^0-9A-Za-z]")
_IBAN = re.compile(r"(?=([A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}))")
"""ISO 13616: country, check digits, and 11 to 30 characters."""
_IBAN_REMAINDER: Final = 1
_IBAN_CHARS_MIN: Final = 15


def may_be_account_number(text: str) -> bool:
    """Whether a text has 8 digits or more, or contains an IBAN, however it is written.

    Digits of every script count, and so do digits with anything between them: a reference with a
    date and a number is refused rather than an account number stored.
    """
    plain = unicodedata.normalize("NFKC", text)
    if sum(character.isdigit() for character in plain) > DIGITS_MAX:
        return True
    joined = _SEPARATORS.sub("", plain).upper()
    return any(_contains_iban(match.group(1)) for match in _IBAN.finditer(joined))


def _contains_iban(candidate: str) -> bool:
    """Whether a beginning of the candidate has the check digits of an IBAN (ISO 7064, 97-10)."""
    return any(
        int("".join(str(int(c, 36)) for c in candidate[4:end] + candidate[:4])) % 97
        == _IBAN_REMAINDER
        for end in range(_IBAN_CHARS_MIN, len(candidate) + 1)
    )
