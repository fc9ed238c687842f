"""What payers see of a merchant beside its name: a logo, and a colour."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidRequest
from domain.merchants.logo import Logo

_COLOUR = re.compile(r"#[0-9a-f]{6}")
CONTRAST_SCALE: Final = 1_000
"""Contrasts are integers, in thousandths: 4,500 is 4.5 to 1."""
_LINEAR: Final = 10**6
_LIGHT_OF_CHANNEL: Final = (2126, 7152, 722)
"""Of red, green and blue, in parts of 10,000."""
_DARK_CHANNEL_MAX: Final = 10
"""0.04045 of 255."""
_FLARE: Final = 50_000
"""The light that a screen reflects: 0.05."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branding:
    """What the operator has set; pages show the merchant's name in any case."""

    logo: Logo | None = None
    accent: str = ""
    """`#rrggbb` in lower case; empty: that of the house."""

    def check(self) -> None:
        """Check both parts.

        Raises (checked in this order):
            InvalidRequest: the logo is not as `read_logo` makes it, or the colour not `#rrggbb`.
        """
        if self.logo is not None:
            self.logo.check()
        if self.accent and not _COLOUR.fullmatch(self.accent):
            raise InvalidRequest.of("accent", "must be a colour such as #0b6b3f, in lower case")


def contrast(one: str, other: str) -> int:
    """The contrast of two colours `#rrggbb`, in thousandths: 1,000 to 21,000 (WCAG 2.2)."""
    darker, lighter = sorted(_luminance(colour) + _FLARE for colour in (one, other))
    return CONTRAST_SCALE * lighter // darker


def _luminance(colour: str) -> int:
    """Relative luminance (WCAG 2.2), in millionths."""
    channels = bytes.fromhex(colour.removeprefix("#"))
    parts = zip(_LIGHT_OF_CHANNEL, map(_linear, channels), strict=True)
    return sum(weight * light for weight, light in parts) // 10_000


def _linear(channel: int) -> int:
    """The light of a channel of sRGB, 0 to 255, in millionths. The domain has no floats."""
    if channel <= _DARK_CHANNEL_MAX:
        return _LINEAR * channel * 100 // (255 * 1292)
    # ((channel / 255 + 0.055) / 1.055) ** 2.4, whose fifth power is the twelfth of the fraction.
    power, of = (channel * 1000 + 55 * 255) ** 12, (255 * 1055) ** 12
    low, high = 0, _LINEAR
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**5 * of <= _LINEAR**5 * power else (low, middle - 1)
    return low
