"""The reference rates of the European Central Bank, in the two forms in which it publishes them.

Both are read defensively: whatever the bytes are, the result is rates or `RatesNotFetched`. A day
or currency that cannot be used is left out and stops no other.

Source: ECB, *Euro foreign exchange reference rates*. The ECB publishes them for information only
and discourages their use for transactions; hence the spread and the age limit.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib import resources
from typing import Final
from xml.parsers import expat

from application.ports.rates import DailyRates, RatesNotFetched
from domain.money.currencies import CURRENCIES

SOURCE: Final = "ecb"
FILE_BYTES_MAX: Final = 65_536
"""Ten times the daily file, and more than the shipped one."""
DAYS_MAX: Final = 120
CURRENCIES_MAX: Final = 100
NAME: Final = "ecb_reference_rates.csv"

_RATE: Final = re.compile(r"(?=[0-9.]*[1-9])[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
"""A decimal above zero, at most 19 characters."""
_DAY: Final = re.compile(r"(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)


def shipped() -> Sequence[DailyRates]:
    """The history that is part of the program."""
    return read_csv((resources.files("infrastructure.fx") / NAME).read_bytes())


def read_csv(raw: bytes) -> Sequence[DailyRates]:
    """The days of a history: a header with currencies, then a line for each day.

    Raises:
        RatesNotFetched: too long, not ASCII, without a usable header, or without a usable day.
    """
    lines = csv.reader(_text(raw).splitlines())
    try:
        header, *rows = lines
    except (ValueError, csv.Error):
        msg = "no table of rates"
        raise RatesNotFetched(msg) from None
    if not header or header[0] != "Date" or len(header) > CURRENCIES_MAX:
        msg = "a table without the expected header"
        raise RatesNotFetched(msg)
    found = (_day(row[0], zip(header[1:], row[1:], strict=False)) for row in rows[:DAYS_MAX] if row)
    return _some([day for day in found if day is not None])


def read_xml(raw: bytes) -> Sequence[DailyRates]:
    """The days of an `eurofxref` document: `Cube` elements with a time, a currency, a rate.

    A document with a document type or an entity is refused before anything is expanded.

    Raises:
        RatesNotFetched: too long, not well-formed, with a document type, or without a usable day.
    """
    _text(raw)
    days: list[tuple[str, list[tuple[str, str]]]] = []

    def on_element(name: str, attributes: Mapping[str, str]) -> None:
        if name.rpartition(" ")[2] != "Cube":
            return
        if "time" in attributes and len(days) < DAYS_MAX:
            days.append((attributes["time"], []))
        elif days and "currency" in attributes and len(days[-1][1]) < CURRENCIES_MAX:
            days[-1][1].append((attributes["currency"], attributes.get("rate", "")))

    def on_doctype(*_: object) -> None:
        msg = "a document type, which rates never have"
        raise RatesNotFetched(msg)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = on_element
    parser.StartDoctypeDeclHandler = on_doctype
    try:
        parser.Parse(raw, True)  # noqa: FBT003 - expat takes no keyword
    except expat.ExpatError:
        msg = "not well-formed XML"
        raise RatesNotFetched(msg) from None
    found = (_day(time, rates) for time, rates in days)
    return _some([day for day in found if day is not None])


def _text(raw: bytes) -> str:
    if len(raw) > FILE_BYTES_MAX:
        msg = f"more than {FILE_BYTES_MAX} bytes"
        raise RatesNotFetched(msg)
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        msg = "not ASCII text"
        raise RatesNotFetched(msg) from None


def _some(days: Sequence[DailyRates]) -> Sequence[DailyRates]:
    if not days:
        msg = "no day with rates"
        raise RatesNotFetched(msg)
    return days


def _day(time: str, rates: Iterable[tuple[str, str]]) -> DailyRates | None:
    """A day's usable rates; None if the day is not one, or has none."""
    try:
        as_of = date.fromisoformat(time if _DAY.fullmatch(time) else "")
    except ValueError:
        return None
    per_euro: dict[str, str] = {}
    for code, rate in rates:
        currency = CURRENCIES.get(code)
        if currency and not currency.withdrawn and code != "EUR" and _RATE.fullmatch(rate):
            per_euro.setdefault(code, rate)
    return DailyRates(source=SOURCE, as_of=as_of, per_euro=per_euro) if per_euro else None
