"""EPC069-12: the European QR code for SEPA credit transfers, text to values and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from domain.qr.errors import Cause, InvalidQr
from domain.text import is_acceptable

CODE_BYTES_MAX: Final = 331
LINES_MAX: Final = 12
AMOUNT_MINOR_MAX: Final = 99_999_999_999
"""999,999,999.99 euro."""
CHARSETS: Final = {
    1: "utf-8", 2: "iso8859-1", 3: "iso8859-2", 4: "iso8859-4", 5: "iso8859-5", 6: "iso8859-7",
    7: "iso8859-10", 8: "iso8859-15",
}  # fmt: skip
_TAG, _TRANSFER = "BCD", "SCT"
_END = LINES_MAX
"""In place of a line: all of the text."""
_CAUSES = {0: Cause.OTHER_PAYMENT_SYSTEM, 3: Cause.OTHER_PAYMENT_SYSTEM, _END: Cause.TOO_LONG}
"""By the line that is not valid, if not `invalid-object`."""
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_IBAN_CHARS: Final = {
    country: chars
    for chars, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT EE LT LU", 21: "CH HR LI LV",
        22: "BG DE GB IE ME RS VA", 23: "GI", 24: "AD CZ ES MD RO SE SK", 25: "PT", 26: "IS",
        27: "FR GR IT MC SM", 28: "AL CY HU PL", 31: "MT",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Of the countries of SEPA and its neighbours (ISO 13616 registry); others are not checked."""
_AMOUNT = re.compile(r"EUR([0-9]{1,9})(?:\.([0-9]{1,2}))?")
_PURPOSE = re.compile(r"[A-Z0-9]{1,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpcCode:
    """The values of a code. A transfer has a structured reference or a text, not both."""

    name: str
    """The payee's, 1 to 70 characters."""
    iban: str
    """ISO 13616, without spaces."""
    version: int = 2
    """1 or 2; with 1 the BIC is mandatory."""
    charset: int = 1
    """1 to 8: how the text is encoded; 1 is UTF-8."""
    bic: str = ""
    """ISO 9362, 8 or 11 characters."""
    amount_minor: int | None = None
    """In cents, 1 to 99,999,999,999."""
    purpose: str = ""
    """ISO 20022, at most 4 characters."""
    reference: str = ""
    """ISO 11649 or national, at most 35 characters."""
    text: str = ""
    """At most 140 characters."""
    info: str = ""
    """For the payer, at most 70 characters."""


def is_iban(text: str) -> bool:
    """Whether length and check digits of an account number are right (ISO 13616, ISO 7064)."""
    if not _IBAN.fullmatch(text) or len(text) != _IBAN_CHARS.get(text[:2], len(text)):
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def parse(code: str) -> EpcCode:
    """The values of a code; lines end with LF or CRLF.

    Raises (checked in this order):
        InvalidQr: too long; more than 12 lines; a line is not valid, from the first one on. States
            the reason and the offset of the line.
    """
    if len(code) > CODE_BYTES_MAX:
        reason = f"it has more than {CODE_BYTES_MAX} bytes"
        raise InvalidQr(cause=Cause.TOO_LONG, reason=reason, offset=CODE_BYTES_MAX)
    end = "\r\n" if "\r\n" in code else "\n"
    lines = code.split(end)
    offsets = [sum(len(line) + len(end) for line in lines[:n]) for n in range(LINES_MAX + 1)]
    if len(lines) > LINES_MAX:
        reason = f"it has more than {LINES_MAX} lines"
        raise InvalidQr(cause=Cause.TOO_LONG, reason=reason, offset=offsets[LINES_MAX])
    lines += [""] * (LINES_MAX - len(lines))
    values = EpcCode(
        version={"001": 1, "002": 2}.get(lines[1], 0),
        charset=int(lines[2]) if lines[2] in set("12345678") else 0,
        bic=lines[4],
        name=lines[5],
        iban=lines[6],
        amount_minor=_amount_minor(lines[7]),
        purpose=lines[8],
        reference=lines[9],
        text=lines[10],
        info=lines[11],
    )
    problem = _problem(values, tag=lines[0], kind=lines[3])
    if problem is not None:
        number, reason, cause = problem
        raise InvalidQr(cause=cause, reason=reason, offset=min(offsets[number], len(code)))
    return values


def build(code: EpcCode) -> str:
    """The text of a code: LF between lines, nothing after the last line that is used.

    Raises:
        ValueError: a value is missing, too long or invalid; the whole has more than 331 bytes.
    """
    problem = _problem(code, tag=_TAG, kind=_TRANSFER)
    if problem is not None:
        raise ValueError(problem[1])
    lines = [
        _TAG, f"{code.version:03}", str(code.charset), _TRANSFER, code.bic, code.name, code.iban,
        _amount(code.amount_minor), code.purpose, code.reference, code.text, code.info,
    ]  # fmt: skip
    return "\n".join(lines).rstrip("\n")


def _problem(code: EpcCode, *, tag: str, kind: str) -> tuple[int, str, Cause] | None:
    """The first line that is not valid, and why; None if there is none."""
    size = _size(code)
    checks = (
        (0, tag == _TAG, "it does not begin with BCD"),
        (1, code.version in {1, 2}, "its version is unknown"),
        (2, code.charset in CHARSETS, "its character set is unknown"),
        (3, kind == _TRANSFER, "it is not a SEPA credit transfer"),
        (4, _is_bic(code), "its BIC is not valid"),
        (5, _is_line(code.name, 70) and bool(code.name), "its name is not valid"),
        (6, is_iban(code.iban), "its IBAN is not valid"),
        (7, code.amount_minor is None or 1 <= code.amount_minor <= AMOUNT_MINOR_MAX,
         "its amount is not valid"),
        (8, not code.purpose or bool(_PURPOSE.fullmatch(code.purpose)), "its purpose is not valid"),
        (9, _is_line(code.reference, 35), "its reference is not valid"),
        (10, _is_line(code.text, 140) and not (code.text and code.reference),
         "its text is not valid"),
        (11, _is_line(code.info, 70), "its information is not valid"),
        (2, size is not None, "its character set does not have all of its characters"),
        (_END, (size or 0) <= CODE_BYTES_MAX,
         f"it has more than {CODE_BYTES_MAX} bytes in its character set"),
    )  # fmt: skip
    return next(
        (
            (number, reason, _CAUSES.get(number, Cause.INVALID_OBJECT))
            for number, valid, reason in checks
            if not valid
        ),
        None,
    )


def _is_bic(code: EpcCode) -> bool:
    """Whether the BIC is valid; only version 1 demands one."""
    return bool(_BIC.fullmatch(code.bic)) if code.bic else code.version != 1


def _is_line(text: str, chars_max: int) -> bool:
    return len(text) <= chars_max and is_acceptable(text)


def _size(code: EpcCode) -> int | None:
    """The bytes of the text in its character set; None if it cannot be written in it."""
    values = (code.bic, code.name, code.iban, _amount(code.amount_minor), code.purpose,
              code.reference, code.text, code.info)  # fmt: skip
    try:
        size = len("\n".join(values).encode(CHARSETS.get(code.charset, "utf-8")))
    except UnicodeEncodeError:
        return None
    return size + len("BCD\n002\n1\nSCT\n")


def _amount(minor: int | None) -> str:
    """Such as `EUR20` or `EUR20.50`."""
    if minor is None:
        return ""
    whole, cents = divmod(minor, 100)
    return f"EUR{whole}.{cents:02}" if cents else f"EUR{whole}"


def _amount_minor(text: str) -> int | None:
    """The amount in cents; None for an empty line, 0 for what is not an amount."""
    if not text:
        return None
    found = _AMOUNT.fullmatch(text)
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
