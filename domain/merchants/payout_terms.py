"""Where a merchant's payouts go, and when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain import text
from domain.errors import InvalidRequest
from domain.payouts.account_numbers import may_be_account_number

DESTINATION_CHARS_MAX: Final = 80
ZONE_CHARS_MAX: Final = 60
LOOK_AHEAD_DAYS_MAX: Final = 4
"""Today, tomorrow, and two more where a zone has crossed the date line."""
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
        if may_be_account_number(self.destination):
            reason = "must be a reference without an account number: at most 7 digits, no IBAN"
            raise InvalidRequest.of("destination", reason)
        if self.daily_at is not None and not _TIME.fullmatch(self.daily_at):
            raise InvalidRequest.of("daily_at", "must be HH:MM")
        time_zone(self.zone)

    def next_daily(self, after: datetime) -> datetime | None:
        """The first daily payout after an instant, in UTC; None if there is no daily payout.

        Once for each local day. A local time that a change of the clocks skips is made up for as
        much later as the clocks went forward; of one that occurs twice, the first counts.
        """
        if self.daily_at is None:
            return None
        zone, at = time_zone(self.zone), time.fromisoformat(self.daily_at)
        day = after.astimezone(zone).date()
        for days in range(LOOK_AHEAD_DAYS_MAX):
            local = datetime.combine(day + timedelta(days=days), at, tzinfo=zone)
            due = local.astimezone(UTC)
            if due > after:
                return due
        msg = f"{self.zone} has no {self.daily_at} within {LOOK_AHEAD_DAYS_MAX} days"
        raise AssertionError(msg)


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
