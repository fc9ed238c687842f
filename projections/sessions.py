"""The merchant's payment sessions, newest first, by status, order, currency and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from application.event_log import Recorded
from domain import times
from domain.money.money import Money
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN, Claim, Payment, Status
from projections._read_model import ReadModel

_COLUMNS = (
    "session_id, merchant_id, merchant_name, order_id, amount_minor, currency, description, "
    "created_on, expires_at, expires_in_seconds, return_url, metadata, checkout_may_cancel, "
    "status, version, position, created_position, "
    "claim_id, claim_wallet_id, claim_app_id, lease_until, paid_wallet_id, paid_claim_id, paid_at"
)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as the list shows it."""

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
    metadata: Mapping[str, str]
    checkout_may_cancel: bool
    status: str
    version: int
    position: int
    created_position: int
    claim_id: str | None
    claim_wallet_id: str | None
    claim_app_id: str | None
    lease_until: datetime | None
    paid_wallet_id: str | None
    paid_claim_id: str | None
    paid_at: datetime | None

    @property
    def id(self) -> UUID:
        """The session's stream."""
        return self.session_id

    @property
    def amount(self) -> Money:
        """What is asked for."""
        return Money(self.amount_minor, self.currency)

    @property
    def claim(self) -> Claim | None:
        """Who holds it."""
        if self.claim_id is None or self.lease_until is None:
            return None
        return Claim(
            self.claim_id, self.claim_wallet_id or "", self.claim_app_id or "", self.lease_until
        )

    @property
    def payment(self) -> Payment | None:
        """Who paid."""
        if self.paid_at is None:
            return None
        return Payment(self.paid_wallet_id or "", self.paid_claim_id or "", self.paid_at)

    def status_at(self, at: datetime) -> Status:
        """The status as it reads at an instant: expired at once when the deadline has passed."""
        status = Status(self.status)
        return Status.EXPIRED if status in OPEN and at >= self.expires_at else status


class Sessions(ReadModel):
    """Every payment session with its latest facts. Eventually consistent."""

    name = "sessions"
    version = 1
    key = ("session_id",)
    follows = (
        PaymentSession.Created,
        PaymentSession.Scanned,
        PaymentSession.ClaimReleased,
        PaymentSession.Paid,
        PaymentSession.Expired,
        PaymentSession.Cancelled,
    )
    tables = """
        create table {table} (
            session_id uuid primary key,
            merchant_id text not null, merchant_name text not null, order_id text not null,
            amount_minor bigint not null, currency text not null, description text not null,
            created_on timestamptz not null, expires_at timestamptz not null,
            expires_in_seconds int not null, return_url text, metadata jsonb not null,
            checkout_may_cancel boolean not null,
            status text not null, version bigint not null,
            position bigint not null, created_position bigint not null,
            claim_id text, claim_wallet_id text, claim_app_id text, lease_until timestamptz,
            paid_wallet_id text, paid_claim_id text, paid_at timestamptz
        ) with (fillfactor = 80);
        create index on {table} (merchant_id, created_position desc);
        create index on {table} (merchant_id, order_id);
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert what was created, then one update per session that changed."""
        created: list[tuple[Any, ...]] = []
        changes: dict[UUID, dict[str, Any]] = {}
        for recorded in events:
            event: Any = recorded.event
            if isinstance(event, PaymentSession.Created):
                created.append(_created_row(recorded, event))
            else:
                change = changes.setdefault(recorded.stream_id, {})
                change.update(_change(event), version=recorded.version, position=recorded.position)
        if created:
            values = ", ".join(["%s"] * len(created[0]))
            insert = f"insert into {table} ({_COLUMNS}) values ({values}) on conflict do nothing"
            cursor.executemany(insert, created)
        for names in {tuple(sorted(change)) for change in changes.values()}:
            fit = [(s, c) for s, c in changes.items() if tuple(sorted(c)) == names]
            settings = ", ".join(f"{name} = %({name})s" for name in names)
            update = (
                f"update {table} set {settings} "
                "where session_id = %(session_id)s and version < %(version)s"
            )
            rows = [{**change, "session_id": session} for session, change in fit]
            cursor.executemany(update, rows)

    def of_merchant(
        self,
        merchant_id: str,
        *,
        status: str | None = None,
        order_id: str | None = None,
        currency: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        before: int | None = None,
        limit: int,
    ) -> tuple[list[SessionRow], datetime]:
        """A merchant's sessions, newest first, and the ledger's time they were read at.

        Args:
            merchant_id: whose; every row asked for is this merchant's.
            status: as it reads now, so an open session past its deadline is `expired`.
            order_id: exactly this order.
            currency: exactly this currency.
            created_from: first instant, inclusive.
            created_to: last instant, exclusive.
            before: only sessions created at a lower position.
            limit: at most so many rows.
        """
        shown = (
            "case when status in ('created', 'scanned') and expires_at <= ledger.now() "
            "then 'expired' else status end"
        )
        query = f"""
            select {_COLUMNS} from read_models.{self.name}
             where merchant_id = %(merchant_id)s
               and (%(status)s::text is null or {shown} = %(status)s)
               and (%(order_id)s::text is null or order_id = %(order_id)s)
               and (%(currency)s::text is null or currency = %(currency)s)
               and (%(created_from)s::timestamptz is null or created_on >= %(created_from)s)
               and (%(created_to)s::timestamptz is null or created_on < %(created_to)s)
               and (%(before)s::bigint is null or created_position < %(before)s)
             order by created_position desc limit %(limit)s
        """
        values = {
            "merchant_id": merchant_id,
            "status": status,
            "order_id": order_id,
            "currency": currency,
            "created_from": created_from,
            "created_to": created_to,
            "before": before,
            "limit": limit,
        }
        with self._connect() as connection:
            [(now,)] = connection.execute("select ledger.now()").fetchall()
            cursor = connection.cursor(row_factory=class_row(SessionRow))
            return cursor.execute(query, values).fetchall(), now


def _created_row(recorded: Recorded, event: Any) -> tuple[Any, ...]:
    return (
        recorded.stream_id,
        event.merchant_id,
        event.merchant_name,
        event.order_id,
        event.amount_minor,
        event.currency,
        event.description,
        event.timestamp,
        times.from_text(event.expires_at),
        event.expires_in_seconds,
        event.return_url,
        Jsonb(event.metadata),
        event.checkout_may_cancel,
        Status.CREATED.value,
        recorded.version,
        recorded.position,
        recorded.position,
        *(None,) * 7,
    )


_NO_CLAIM = {"claim_id": None, "claim_wallet_id": None, "claim_app_id": None, "lease_until": None}


def _change(event: Any) -> dict[str, Any]:
    """The columns an event sets."""
    match event:
        case PaymentSession.Scanned():
            return {
                "status": Status.SCANNED.value,
                "claim_id": event.claim_id,
                "claim_wallet_id": event.wallet_id,
                "claim_app_id": event.wallet_app_id,
                "lease_until": times.from_text(event.lease_until),
            }
        case PaymentSession.ClaimReleased():
            return {"status": Status.CREATED.value, **_NO_CLAIM}
        case PaymentSession.Paid():
            return {
                "status": Status.PAID.value,
                "paid_wallet_id": event.wallet_id,
                "paid_claim_id": event.claim_id,
                "paid_at": event.timestamp,
            }
        case PaymentSession.Expired():
            return {"status": Status.EXPIRED.value}
        case PaymentSession.Cancelled():
            return {"status": Status.CANCELLED.value}
        case _:
            msg = f"{type(event).__name__} is not followed"
            raise TypeError(msg)
