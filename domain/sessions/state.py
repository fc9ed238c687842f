"""What a payment session consists of: its statuses, its limits, claims and payments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

LIFETIME_SECONDS_MIN: Final = 60
LIFETIME_SECONDS_MAX: Final = 86_400
LIFETIME_SECONDS_DEFAULT: Final = 900
CLAIMS_PER_APP_MAX: Final = 3


class Status(StrEnum):
    """Where a session stands; the last four are ends."""

    CREATED = "created"
    SCANNED = "scanned"
    PROCESSING = "processing"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


OPEN: Final = frozenset({Status.CREATED, Status.SCANNED})
"""May still be scanned, paid, cancelled and expired."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A wallet's lease on the session. Good until another wallet has taken over."""

    id: str
    wallet_id: str
    wallet_app_id: str
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """Who paid and when, by the ledger's time."""

    wallet_id: str
    claim_id: str
    paid_at: datetime
