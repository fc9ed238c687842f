"""From the objects of an EMVCo code to its values, each checked by the specification."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Final, NoReturn

from domain.money.currencies import CURRENCIES
from domain.money.decimals import minor_units
from domain.money.money import AMOUNT_MINOR_MAX
from domain.qr import tlv
from domain.qr.emv_code import EmvCode, Initiation, Language, Template, Tip, TipKind
from domain.qr.errors import Cause, InvalidQr

GUID: Final = "00"
GUID_CHARS_MAX: Final = 32
NAME_CHARS_MAX: Final = 25
CITY_CHARS_MAX: Final = 15
PRIMITIVE_ACCOUNTS: Final = tlv.between(2, 25)
TEMPLATE_ACCOUNTS: Final = tlv.between(26, 51)
RESERVED: Final = tlv.between(65, 79)
UNRESERVED: Final = tlv.between(80, 99)
ADDITIONAL_CHARS_MAX: Final = {
    **dict.fromkeys(("01", "02", "03", "04", "05", "06", "07", "08"), 25),
    "09": 3, "10": 20, "11": 3, **dict.fromkeys((f"{n}" for n in range(50, 100)), 99),
}  # fmt: skip
"""Characters of the objects of template 62 (MPM, table 3.7); 12 to 49 are not defined."""
TEMPLATES_FROM: Final = "50"
"""Objects of template 62 before this one are ASCII; those from it on belong to payment systems."""

_ASCII = re.compile(r"[ -~]+")
_CATEGORY = re.compile(r"[0-9]{4}")
_LETTERS = re.compile(r"[A-Za-z]{2}")
_DECIMAL = re.compile(r"[0-9]{1,13}(?:\.[0-9]{1,4})?")
_PERCENT = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,2})?")
_ASK = re.compile(r"[AME]{1,3}")
_CURRENCIES: Final = {one.numeric: one for one in CURRENCIES.values() if not one.withdrawn}


def read(objects: list[tlv.Object]) -> EmvCode:
    """The values of a code whose frame has been checked.

    Raises:
        InvalidQr: an object is unknown or invalid; names the first one that is checked.
    """
    found = {one.id: one for one in objects}
    for one in objects:
        if not one.value:
            _refuse(one)
    currency = found.get("53")
    if currency is None or currency.value not in _CURRENCIES:
        _refuse(currency or objects[-1], "its currency is unknown")
    known = _CURRENCIES[currency.value]
    return EmvCode(
        accounts=_accounts(objects),
        currency=known.code,
        country=_text(found, "58", 2, _LETTERS).upper(),
        name=_text(found, "59", NAME_CHARS_MAX),
        city=_text(found, "60", CITY_CHARS_MAX),
        category=_text(found, "52", 4, _CATEGORY),
        initiation=_initiation(found.get("01")),
        amount_minor=_amount_minor(found.get("54"), known.exponent),
        tip=_tip(found),
        postal_code=_text(found, "61", 10),
        additional=_additional(found.get("62")),
        language=_language(found.get("64")),
        reserved={one.id: one.value for one in objects if one.id in RESERVED},
        unreserved={one.id: _template(one) for one in objects if one.id in UNRESERVED},
        order=tuple(one.id for one in objects[1:-1]),
    )


def _text(
    found: Mapping[str, tlv.Object],
    object_id: str,
    chars_max: int,
    pattern: re.Pattern[str] = _ASCII,
) -> str:
    """The text of an object; empty if there is none."""
    one = found.get(object_id)
    if one is None:
        return ""
    if len(one.value) > chars_max or not pattern.fullmatch(one.value):
        _refuse(one)
    return one.value


def _accounts(objects: list[tlv.Object]) -> dict[str, str | Template]:
    accounts: dict[str, str | Template] = {}
    for one in objects:
        if one.id in PRIMITIVE_ACCOUNTS:
            if not _ASCII.fullmatch(one.value):
                _refuse(one)
            accounts[one.id] = one.value
        elif one.id in TEMPLATE_ACCOUNTS:
            accounts[one.id] = _template(one)
    if not accounts:
        raise InvalidQr(
            cause=Cause.MISSING_OBJECT, reason="it names no account", offset=objects[-1].offset
        )
    return accounts


def _template(one: tlv.Object) -> Template:
    """A template, whose first object says who defined it."""
    first, *others = _objects(one) or [one]
    if first.id != GUID or len(first.value) > GUID_CHARS_MAX or not _ASCII.fullmatch(first.value):
        _refuse(first, f"template {one.id} does not begin with its identifier")
    return Template(first.value, {other.id: other.value for other in others})


def _objects(one: tlv.Object, ids: Container[str] | None = None) -> list[tlv.Object]:
    """The objects of a template, none of them empty."""
    objects = tlv.parse(one.value, offset=one.value_offset)
    for inner in objects:
        if not inner.value or (ids is not None and inner.id not in ids):
            _refuse(inner)
    return objects


def _initiation(one: tlv.Object | None) -> Initiation | None:
    if one is None:
        return None
    try:
        return Initiation(one.value)
    except ValueError:
        _refuse(one)


def _amount_minor(one: tlv.Object | None, exponent: int) -> int | None:
    """The amount in minor units: no sign, no space, no more decimals than the currency has."""
    if one is None:
        return None
    if not _DECIMAL.fullmatch(one.value):
        _refuse(one)
    try:
        minor = minor_units(one.value, exponent)
    except ValueError:
        _refuse(one)
    if not 1 <= minor <= AMOUNT_MINOR_MAX:
        _refuse(one)
    return minor


def _tip(found: Mapping[str, tlv.Object]) -> Tip | None:
    """Object 55 says how the tip is determined, 56 or 57 its value."""
    indicator = found.get("55")
    fixed, percent = _text(found, "56", 13, _DECIMAL), _text(found, "57", 5, _PERCENT)
    wanted = {"01": ("", ""), "02": (fixed, ""), "03": ("", percent), None: ("", "")}
    kind = indicator.value if indicator else None
    if (fixed, percent) != wanted.get(kind) or (kind in {"02", "03"} and not fixed + percent):
        _refuse(indicator or found.get("56") or found["57"])
    return Tip(TipKind(kind), fixed + percent) if kind else None


def _additional(one: tlv.Object | None) -> dict[str, str]:
    if one is None:
        return {}
    objects = _objects(one, ADDITIONAL_CHARS_MAX)
    for inner in objects:
        too_long = len(inner.value) > ADDITIONAL_CHARS_MAX[inner.id]
        is_wrong = inner.id < TEMPLATES_FROM and not _ASCII.fullmatch(inner.value)
        if too_long or is_wrong or (inner.id == "09" and not _ASK.fullmatch(inner.value)):
            _refuse(inner)
    return {inner.id: inner.value for inner in objects}


def _language(one: tlv.Object | None) -> Language | None:
    if one is None:
        return None
    inner = {each.id: each for each in _objects(one)}
    code, name, city = (inner.get(object_id) for object_id in ("00", "01", "02"))
    if code is None or name is None:
        _refuse(one)
    if not _LETTERS.fullmatch(code.value):
        _refuse(code)
    if len(name.value) > NAME_CHARS_MAX:
        _refuse(name)
    if city is not None and len(city.value) > CITY_CHARS_MAX:
        _refuse(city)
    if len(inner) != 2 + (city is not None):
        _refuse(one)
    return Language(code.value, name.value, city.value if city else "")


def _refuse(one: tlv.Object, reason: str = "") -> NoReturn:
    text = reason or f"object {one.id} is not valid"
    raise InvalidQr(cause=Cause.INVALID_OBJECT, reason=text, offset=one.value_offset)
