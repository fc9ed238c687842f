"""The parts of a payment session: statuses, limits, claims and payments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import Final

from domain import times
from domain.errors import InvalidRequest
from domain.money.money import Amount, Money
from domain.sessions.errors import AmountMismatch, ClaimsExhausted, SessionClaimed

LIFETIME_SECONDS_MIN: Final = 60
LIFETIME_SECONDS_MAX: Final = 86_400
LIFETIME_SECONDS_DEFAULT: Final = 900
ORDER_ID_CHARS_MAX: Final = 64
DESCRIPTION_CHARS_MAX: Final = 200
URL_CHARS_MAX: Final = 2000
METADATA_ENTRIES_MAX: Final = 20
METADATA_KEY_CHARS_MAX: Final = 40
METADATA_VALUE_CHARS_MAX: Final = 500
CANCELLED_BY: Final = frozenset({"merchant", "checkout", "payer"})
LEASE_SECONDS_MAX: Final = 600
CLAIMS_PER_WALLET_MAX: Final = 3
CLAIMS_PER_APP_MAX: Final = 12
"""For all wallets of one app together: well above the limit of one wallet, so that a few users
cannot lock out the others."""


class Status(StrEnum):
    """The status of a session; the last four are final."""

    CREATED = "created"
    SCANNED = "scanned"
    PROCESSING = "processing"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


OPEN: Final = frozenset({Status.CREATED, Status.SCANNED})
"""The session can still be scanned, paid, cancelled or expire."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A wallet's lease on the session; remains valid until another wallet claims it."""

    id: str
    wallet_id: str
    wallet_app_id: str
    lease_until: datetime


class Funding(StrEnum):
    """Where the money of a payment came from."""

    WALLET = "wallet"
    PROCESSOR = "processor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Who paid, what it cost, and when by the ledger's time."""

    wallet_id: str | None
    """None if a processor took the money without a wallet; so is `claim_id`."""
    wallet_app_id: str
    claim_id: str | None
    attempt_id: str | None
    funding: Funding
    fee_minor: int
    """In the session's currency."""
    payer_amount: Amount
    """Everything the payer paid, in the payer's currency."""
    spread_minor: int
    """The house's part of it."""
    quote_id: str | None
    paid_at: datetime


def check_sizes(
    order_id: str,
    description: str,
    return_url: str | None,
    callback_url: str | None,
    metadata: Mapping[str, str],
    expires_in_seconds: int,
) -> None:
    """Check the sizes of what a merchant states about a session.

    Raises (checked in this order):
        InvalidRequest: the order's id, the description, a URL or the metadata is too long, or
            the order's id or a URL is empty; or the lifetime is out of range.
    """
    if not 1 <= len(order_id) <= ORDER_ID_CHARS_MAX:
        raise InvalidRequest.of("order_id", f"must have 1 to {ORDER_ID_CHARS_MAX} characters")
    if len(description) > DESCRIPTION_CHARS_MAX:
        reason = f"may have at most {DESCRIPTION_CHARS_MAX} characters"
        raise InvalidRequest.of("description", reason)
    for name, url in (("return_url", return_url), ("callback_url", callback_url)):
        if url is not None and not 1 <= len(url) <= URL_CHARS_MAX:
            raise InvalidRequest.of(name, f"must have 1 to {URL_CHARS_MAX} characters")
    if len(metadata) > METADATA_ENTRIES_MAX:
        raise InvalidRequest.of("metadata", f"may have at most {METADATA_ENTRIES_MAX} entries")
    for key, value in metadata.items():
        if not 1 <= len(key) <= METADATA_KEY_CHARS_MAX:
            reason = f"keys must have 1 to {METADATA_KEY_CHARS_MAX} characters"
            raise InvalidRequest.of("metadata", reason)
        if len(value) > METADATA_VALUE_CHARS_MAX:
            reason = f"values may have at most {METADATA_VALUE_CHARS_MAX} characters"
            raise InvalidRequest.of("metadata", reason)
    if not LIFETIME_SECONDS_MIN <= expires_in_seconds <= LIFETIME_SECONDS_MAX:
        reason = f"must be from {LIFETIME_SECONDS_MIN} to {LIFETIME_SECONDS_MAX}"
        raise InvalidRequest.of("expires_in_seconds", reason)


def check_claims(session_id: str, *, by_wallet: int, by_app: int) -> None:
    """Check that a wallet may claim again, given the claims by itself and by its app so far.

    Raises (checked in this order):
        ClaimsExhausted: three claims by the wallet, or twelve by all wallets of its app.
    """
    for holder, count, claims_max in (
        ("wallet", by_wallet, CLAIMS_PER_WALLET_MAX),
        ("wallet app", by_app, CLAIMS_PER_APP_MAX),
    ):
        if count >= claims_max:
            raise ClaimsExhausted(session_id=session_id, holder=holder, claims_max=claims_max)


def claimed(session_id: str, claim: Claim, at: datetime) -> SessionClaimed:
    """The refusal of everybody but the wallet whose claim has not lapsed."""
    left = claim.lease_until - at
    return SessionClaimed(
        session_id=session_id,
        lease_until=times.to_text(claim.lease_until),
        retry_after_seconds=ceil(left.total_seconds()),
    )


def check_same(session_id: str, *, asked: Money, offered: Money) -> None:
    """Check that the payer agreed to the session's amount: `AmountMismatch`."""
    if offered != asked:
        raise AmountMismatch(
            session_id=session_id,
            asked_minor=asked.minor,
            asked_currency=asked.currency,
            offered_minor=offered.minor,
            offered_currency=offered.currency,
        )


def check_cancelled_by(by: str) -> None:
    """Check who cancels: `InvalidRequest`."""
    if by not in CANCELLED_BY:
        raise InvalidRequest.of("by", "must be merchant, checkout or payer")


def increment(counts: Mapping[str, int], name: str) -> Mapping[str, int]:
    """A copy of the counts with one more for a name."""
    return {**counts, name: counts.get(name, 0) + 1}
