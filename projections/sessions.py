"""The read model of payment sessions: a merchant's list, with filters."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from application.event_log import Recorded
from domain import text, times
from domain.money.money import Amount, Money
from domain.sessions import attempt_events
from domain.sessions.dispute_events import DisputeEvent
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN, Claim, Funding, Payment, Status
from projections._read_model import ReadModel, recordset

_COLUMNS = (
    "session_id, merchant_id, merchant_name, order_id, amount_minor, currency, description, "
    "created_on, expires_at, expires_in_seconds, return_url, metadata_json, checkout_may_cancel, "
    "status, version, position, created_position, "
    "claim_id, claim_wallet_id, claim_app_id, lease_until, paid_at, funding, paid_wallet_id, "
    "paid_claim_id, paid_attempt_id, fee_minor, payer_amount_minor, payer_currency, "
    "payer_exponent, spread_minor, quote_id, refunded_minor, disputed_minor, flags_json"
)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One payment session."""

    session_id: UUID
    merchant_id: str
    merchant_name: str
    order_id: str
    amount_minor: int
    currency: str
    description: str
    created_on: datetime
    expires_at: datetime
    expires_in_seconds: int
    return_url: str | None
    metadata_json: str
    checkout_may_cancel: bool
    status: str
    version: int
    position: int
    created_position: int
    claim_id: str | None
    claim_wallet_id: str | None
    claim_app_id: str | None
    lease_until: datetime | None
    paid_at: datetime | None
    funding: str | None
    paid_wallet_id: str | None
    paid_claim_id: str | None
    paid_attempt_id: str | None
    fee_minor: int
    payer_amount_minor: int | None
    payer_currency: str | None
    payer_exponent: int | None
    spread_minor: int | None
    quote_id: str | None
    refunded_minor: int
    """Without pending refunds."""
    disputed_minor: int
    """The merchant's part of disputes that are not won."""
    flags_json: str

    @property
    def id(self) -> UUID:
        """The session's stream."""
        return self.session_id

    @property
    def metadata(self) -> Mapping[str, str]:
        """The merchant's metadata."""
        pairs: Mapping[str, str] = json.loads(self.metadata_json)
        return pairs

    @property
    def flags(self) -> tuple[str, ...]:
        """What is to be known of the session's money."""
        return tuple(json.loads(self.flags_json))

    @property
    def amount(self) -> Money:
        """The requested amount."""
        return Money(self.amount_minor, self.currency)

    @property
    def claim(self) -> Claim | None:
        """The current claim."""
        if self.claim_id is None or self.lease_until is None:
            return None
        return Claim(
            self.claim_id, self.claim_wallet_id or "", self.claim_app_id or "", self.lease_until
        )

    @property
    def payment(self) -> Payment | None:
        """The payment."""
        if self.paid_at is None:
            return None
        minor, exponent = self.payer_amount_minor or 0, self.payer_exponent or 0
        return Payment(
            wallet_id=self.paid_wallet_id,
            wallet_app_id=self.claim_app_id or "",
            claim_id=self.paid_claim_id,
            attempt_id=self.paid_attempt_id,
            funding=Funding(self.funding or ""),
            fee_minor=self.fee_minor,
            payer_amount=Amount(minor, self.payer_currency or "", exponent),
            spread_minor=self.spread_minor or 0,
            quote_id=self.quote_id,
            paid_at=self.paid_at,
        )

    def status_at(self, at: datetime) -> Status:
        """The status at an instant; an open session expires at its deadline."""
        status = Status(self.status)
        return Status.EXPIRED if status in OPEN and at >= self.expires_at else status


class Sessions(ReadModel):
    """All payment sessions with their current state. Eventually consistent."""

    name = "sessions"
    version = 6
    key = ("session_id",)
    follows = PaymentSession.events()
    """All of them, because every event raises the version that the list shows."""
    tables = """
        create table {table} (
            session_id uuid primary key,
            merchant_id text not null, merchant_name text not null, order_id text not null,
            amount_minor bigint not null, currency text not null, description text not null,
            created_on timestamptz not null, expires_at timestamptz not null,
            expires_in_seconds int not null, return_url text, metadata_json text not null,
            checkout_may_cancel boolean not null,
            status text not null, version bigint not null,
            position bigint not null, created_position bigint not null,
            claim_id text, claim_wallet_id text, claim_app_id text, lease_until timestamptz,
            paid_at timestamptz, funding text, paid_wallet_id text, paid_claim_id text,
            paid_attempt_id text, fee_minor bigint not null, payer_amount_minor bigint,
            payer_currency text, payer_exponent int, spread_minor bigint, quote_id text,
            refunded_minor bigint not null, disputed_minor bigint not null,
            flags_json text not null, metadata jsonb not null
        ) with (fillfactor = 80);
        create index on {table} (merchant_id, created_position desc);
        create index on {table} (merchant_id, status, created_position desc);
        create index on {table} (merchant_id, order_id);
        create index on {table} using gin (metadata jsonb_path_ops) where metadata <> '{{}}';
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert new sessions in their final state; update the others by set of columns."""
        created: dict[str, dict[str, Any]] = {}
        changed: dict[str, dict[str, Any]] = {}
        for recorded in events:
            event: Any = recorded.event
            session_id = str(recorded.stream_id)
            if isinstance(event, PaymentSession.Created):
                created[session_id] = _created_row(recorded, event)
            else:
                row = created.get(session_id)
                row = changed.setdefault(session_id, {}) if row is None else row
                row.update(_change(event), version=recorded.version, position=recorded.position)
        upsert = f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s)"
        if created:
            cursor.execute(f"{upsert} on conflict do nothing", (recordset(created.values()),))
        for names in {tuple(sorted(change)) for change in changed.values()}:
            rows = [{**c, "session_id": s} for s, c in changed.items() if tuple(sorted(c)) == names]
            changes = ", ".join(f"{name} = new.{name}" for name in names)
            cursor.execute(
                f"update {table} set {changes} from jsonb_populate_recordset(null::{table}, %s) "
                f"as new where {table}.session_id = new.session_id "
                f"and {table}.version < new.version",
                (recordset(rows),),
            )

    def of_merchant(
        self,
        merchant_id: str,
        *,
        statuses: Collection[str] = (),
        order_id: str | None = None,
        currency: str | None = None,
        metadata: Mapping[str, str] | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        before: int | None = None,
        limit: int,
        now: datetime,
    ) -> list[SessionRow]:
        """A merchant's sessions, newest first.

        Args:
            merchant_id: the merchant; the only one whose sessions are returned.
            statuses: any of these at `now`: an open session after its deadline is `expired`.
            order_id: sessions of this order only.
            currency: sessions in this currency only.
            metadata: sessions with all of these members only.
            created_from: earliest time of creation, inclusive.
            created_to: latest time of creation, exclusive.
            before: sessions created at a lower position only.
            limit: the maximum number of rows.
            now: the ledger's time.
        """
        has_status = _status_condition(statuses)
        has_metadata = "metadata @> %(metadata)s and metadata <> '{}'" if metadata else "true"
        query = f"""
            select {_COLUMNS} from read_models.{self.name}
             where merchant_id = %(merchant_id)s and {has_status} and {has_metadata}
               and (%(order_id)s::text is null or order_id = %(order_id)s)
               and (%(currency)s::text is null or currency = %(currency)s)
               and (%(created_from)s::timestamptz is null or created_on >= %(created_from)s)
               and (%(created_to)s::timestamptz is null or created_on < %(created_to)s)
               and (%(before)s::bigint is null or created_position < %(before)s)
             order by created_position desc limit %(limit)s
        """
        values = {
            "merchant_id": merchant_id,
            "statuses": list(statuses),
            "metadata": Jsonb(_replaced(metadata or {})),
            "order_id": order_id,
            "currency": currency,
            "created_from": created_from,
            "created_to": created_to,
            "before": before,
            "limit": limit,
            "now": now,
        }
        with self._connect() as connection:
            cursor = connection.cursor(row_factory=class_row(SessionRow))
            return cursor.execute(query, values).fetchall()


def _status_condition(statuses: Collection[str]) -> str:
    """The SQL condition of having one of these statuses; of none, that of any status."""
    if not statuses:
        return "true"
    stored = "status = any(%(statuses)s)"
    special = [_STATUS_CONDITIONS[one] for one in _STATUS_CONDITIONS if one in statuses]
    if len(special) < len(set(statuses)):
        open_ones = "status not in ('created', 'scanned', 'expired')" if special else "true"
        special.append(f"({stored} and {open_ones})")
    return f"({' or '.join(special)})"


_STATUS_CONDITIONS: Final = {
    # An open session after its deadline is expired, although its row is not updated yet.
    "created": "(status = 'created' and expires_at > %(now)s)",
    "scanned": "(status = 'scanned' and expires_at > %(now)s)",
    "expired": (
        "(status = 'expired' or (status in ('created', 'scanned') and expires_at <= %(now)s))"
    ),
}
"""SQL conditions that an index supports; any other status is compared as stored."""


def _replaced(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata as a JSON value of the database holds it, which cannot hold every text."""
    replace = text.replace_unacceptable
    return {replace(key): replace(value) for key, value in metadata.items()}


def _created_row(recorded: Recorded, event: Any) -> dict[str, Any]:
    return {
        "session_id": str(recorded.stream_id),
        "merchant_id": event.merchant_id,
        "merchant_name": event.merchant_name,
        "order_id": event.order_id,
        "amount_minor": event.amount_minor,
        "currency": event.currency,
        "description": event.description,
        "created_on": times.to_text(event.timestamp),
        "expires_at": event.expires_at,
        "expires_in_seconds": event.expires_in_seconds,
        "return_url": event.return_url,
        "metadata_json": json.dumps(event.metadata),  # as text: lossless, where jsonb is not
        "metadata": _replaced(event.metadata),  # to be searched
        "checkout_may_cancel": event.checkout_may_cancel,
        "fee_minor": event.fee_minor,
        "refunded_minor": 0,
        "disputed_minor": 0,
        "flags_json": "[]",
        "status": Status.CREATED.value,
        "version": recorded.version,
        "position": recorded.position,
        "created_position": recorded.position,
    }


_NO_CLAIM = {"claim_id": None, "claim_wallet_id": None, "claim_app_id": None, "lease_until": None}

_NO_TEXT: Final[dict[str, Any]] = {
    "order_id": "", "description": "", "return_url": None, "metadata_json": "{}", "metadata": {},
}  # fmt: skip


def _change(event: Any) -> dict[str, Any]:
    """The columns that an event changes."""
    match event:
        case PaymentSession.Scanned():
            return {
                "status": Status.SCANNED.value,
                "claim_id": event.claim_id,
                "claim_wallet_id": event.wallet_id,
                "claim_app_id": event.wallet_app_id,
                "lease_until": event.lease_until,
            }
        case PaymentSession.ClaimReleased():
            return {"status": Status.CREATED.value, **_NO_CLAIM}
        case PaymentSession.Paid():
            return {
                "status": Status.PAID.value,
                "paid_at": times.to_text(event.timestamp),
                "funding": event.funding,
                "paid_wallet_id": event.wallet_id,
                "paid_claim_id": event.claim_id,
                "paid_attempt_id": event.attempt_id,
                "payer_amount_minor": event.payer_amount_minor,
                "payer_currency": event.payer_currency,
                "payer_exponent": event.payer_exponent,
                "spread_minor": event.spread_minor,
                "quote_id": event.quote_id,
            }
        case PaymentSession.RefundSucceeded():
            return {"refunded_minor": event.refunded_minor}
        case PaymentSession.Restricted():
            return dict(_NO_TEXT)
        case _:
            return _attempt_change(event)


def _attempt_change(event: Any) -> dict[str, Any]:
    """The columns that attempts, disputes and the ends of sessions change."""
    if isinstance(event, DisputeEvent):
        return {"disputed_minor": event.disputed_minor}
    if isinstance(event, attempt_events.Declined):
        return {"status": event.session_status}
    if isinstance(event, attempt_events.Flagged):
        return {"status": event.session_status, "flags_json": json.dumps(event.flags)}
    status = _STATUS_AFTER.get(type(event))
    return {"status": status.value} if status else {}  # else: version and position only


_STATUS_AFTER: Final[Mapping[type[Any], Status]] = {
    PaymentSession.Expired: Status.EXPIRED,
    PaymentSession.Cancelled: Status.CANCELLED,
    attempt_events.Processing: Status.PROCESSING,
    attempt_events.Failed: Status.FAILED,
}
"""The events that change nothing but the status."""
