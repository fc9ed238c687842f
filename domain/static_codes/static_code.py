"""A static code: printed by a merchant, and paid by any number of payers until it is revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest
from domain.money.currencies import CURRENCIES
from domain.qr.errors import Cause, InvalidQr
from domain.static_codes.terms import Terms

LABEL_CHARS_MAX: Final = 80


class StaticCode(LedgerAggregate):
    """A printed code, with the signed texts as they were printed.

    issued ──revoke──▶ revoked. The texts never change: not with the merchant's settings, and not
    with the ledger's keys.
    """

    TOPIC = "static_code"

    class Event(Aggregate.Event):
        """The base of a static code's events."""

        TOPIC = "static_code.event"

    class Issued(Event, Aggregate.Created):
        """A merchant made the code."""

        TOPIC = "static_code.issued"
        merchant_id: str
        merchant_name: str
        currency: str
        exponent: int
        amount_minor: int | None
        """None: the payer enters the amount."""
        min_minor: int | None
        max_minor: int | None
        label: str
        """Such as the till. Becomes the description of its sessions."""
        key_id: str
        """Of the key that signed the texts."""
        payloads: dict[str, str]
        """The signed texts by format: `url`, `emv`."""

    class Revoked(Event):
        """The merchant revoked the code: it opens no session any more."""

        TOPIC = "static_code.revoked"

        def apply(self, aggregate: StaticCode) -> None:
            """Record when."""
            aggregate.revoked_at = self.timestamp

    @event(Issued)
    def __init__(
        self,
        merchant_id: str,
        merchant_name: str,
        currency: str,
        exponent: int,
        amount_minor: int | None,
        min_minor: int | None,
        max_minor: int | None,
        label: str,
        key_id: str,
        payloads: dict[str, str],
    ) -> None:
        self.merchant_id = merchant_id
        self.merchant_name = merchant_name
        self.exponent = exponent
        self.terms = Terms(
            currency=currency, amount_minor=amount_minor, min_minor=min_minor, max_minor=max_minor
        )
        self.label = label
        self.key_id = key_id
        self.payloads: Mapping[str, str] = payloads
        self.revoked_at: datetime | None = None

    @classmethod
    def issue(
        cls,
        *,
        code_id: UUID,
        merchant_id: str,
        merchant_name: str,
        terms: Terms,
        label: str,
        key_id: str,
        payloads: Mapping[str, str],
        at: datetime,
    ) -> StaticCode:
        """Make a code. `at` is the ledger's time.

        Raises:
            InvalidRequest: the label is too long or not acceptable text.
        """
        if len(label) > LABEL_CHARS_MAX:
            reason = f"may have at most {LABEL_CHARS_MAX} characters"
            raise InvalidRequest.of("label", reason)
        return cls._create(
            cls.Issued,
            id=code_id,
            timestamp=at,
            merchant_id=merchant_id,
            merchant_name=merchant_name,
            currency=terms.currency,
            exponent=CURRENCIES[terms.currency].exponent,
            amount_minor=terms.amount_minor,
            min_minor=terms.min_minor,
            max_minor=terms.max_minor,
            label=label,
            key_id=key_id,
            payloads=dict(payloads),
        )

    @property
    def public_id(self) -> str:
        """Public TypeID."""
        return ids.encode("sc", self.id)

    def revoke(self, *, at: datetime) -> None:
        """Revoke the code; does nothing if it is revoked. Open sessions can still be paid."""
        if self.revoked_at is None:
            self.trigger_event(self.Revoked, timestamp=at)

    def check_active(self) -> None:
        """Check that the code may open sessions.

        Raises:
            InvalidQr: it has been revoked.
        """
        if self.revoked_at is not None:
            reason = "the merchant has revoked it"
            raise InvalidQr(cause=Cause.REVOKED_CODE, reason=reason, offset=0)
