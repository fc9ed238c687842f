"""Where a merchant's payouts go, and when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain import text
from domain.errors import InvalidRequest

DESTINATION_CHARS_MAX: Final = 80
ZONE_CHARS_MAX: Final = 60
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*){0,2}")
"""Every name of the IANA database, and none that is only a file of a system: `localtime`,
`posixrules`, `right/UTC`."""


@dataclass(frozen=True, slots=True)
class PayoutTerms:
    """The terms of payouts in one currency."""

    destination: str
    """The operator's reference of a bank account, never its number."""
    daily_at: str | None = None
    """`HH:MM`; None: only when the merchant asks."""
    zone: str = "UTC"
    """An IANA time zone."""

    def check(self) -> None:
        """Check every part.

        Raises (checked in this order):
            InvalidRequest: the destination is empty, too long or looks like an account number; the
                time is not `HH:MM`; the zone does not exist.
        """
        text.check("destination", self.destination)
        if not 1 <= len(self.destination) <= DESTINATION_CHARS_MAX:
            reason = f"must have 1 to {DESTINATION_CHARS_MAX} characters"
            raise InvalidRequest.of("destination", reason)
        if self.daily_at is not None and not _TIME.fullmatch(self.daily_at):
            raise InvalidRequest.of("daily_at", "must be HH:MM")
        time_zone(self.zone)


def time_zone(name: str, *, field: str = "zone") -> ZoneInfo:
    """An IANA time zone.

    Raises:
        InvalidRequest: there is no zone of this name; names the field.
    """
    try:
        if len(name) <= ZONE_CHARS_MAX and _ZONE.fullmatch(name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise InvalidRequest.of(field, "is not an IANA time zone")
