"""The values of an EMVCo merchant-presented code, for `emv_mpm.parse` and `emv_mpm.build`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Initiation(StrEnum):
    """Whether the code is printed or shown once (MPM, object 01)."""

    STATIC = "11"
    DYNAMIC = "12"


class TipKind(StrEnum):
    """How a tip or convenience fee is determined (MPM, object 55)."""

    PROMPT = "01"
    FIXED = "02"
    PERCENT = "03"


@dataclass(frozen=True, slots=True)
class Tip:
    """A tip or convenience fee."""

    kind: TipKind
    value: str = ""
    """Of a fixed tip the amount, of a percentage the percentage, as decimal text."""


@dataclass(frozen=True, slots=True)
class Language:
    """Name and city in another language or script (MPM, object 64)."""

    code: str
    """ISO 639-1, two letters, such as `ZH`."""
    name: str
    """At most 25 characters."""
    city: str = ""
    """At most 15 characters."""


@dataclass(frozen=True, slots=True)
class Template:
    """Objects inside an object; `guid` says who defined them (MPM, sub-object 00)."""

    guid: str
    """At most 32 characters, such as `br.gov.bcb.pix`."""
    objects: Mapping[str, str] = field(default_factory=dict)
    """By id, 01 to 99."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a scheme changes of the specification."""

    name: str
    optional: frozenset[str] = frozenset()
    """Mandatory objects that may be absent."""


PLAIN: Final = Profile("EMVCo MPM")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmvCode:
    """The values of a code."""

    accounts: Mapping[str, str | Template]
    """Merchant account information by id: text for 02 to 25, templates for 26 to 51."""
    currency: str
    """ISO 4217, three letters."""
    country: str
    """ISO 3166-1, two letters."""
    name: str = ""
    """The merchant's, at most 25 ASCII characters."""
    city: str = ""
    """At most 15 ASCII characters."""
    category: str = "0000"
    """ISO 18245, four digits; 0000 if unknown; empty if a profile leaves it out."""
    initiation: Initiation | None = None
    amount_minor: int | None = None
    """Above zero, in the currency's minor unit; None: the payer enters it."""
    tip: Tip | None = None
    postal_code: str = ""
    """At most 10 characters."""
    additional: Mapping[str, str] = field(default_factory=dict)
    """Object 62 by id: 01 bill, 02 mobile, 03 store, 04 loyalty, 05 reference, 06 customer,
    07 terminal, 08 purpose, 09 data to ask for, 10 tax id, 11 channel, 50 to 99 templates."""
    language: Language | None = None
    reserved: Mapping[str, str] = field(default_factory=dict)
    """Objects 65 to 79, which the specification leaves for later."""
    unreserved: Mapping[str, Template] = field(default_factory=dict)
    """Templates 80 to 99, which anybody may define."""
    order: tuple[str, ...] = field(default=(), compare=False)
    """The ids as they were read. `build` writes these first, then the others by id."""
