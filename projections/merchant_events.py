"""The read model of merchants' events: whose each event is, so that merchants read their own.

The events themselves stay in the log. An event does not always name its merchant; the first event
of its stream does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from application.event_log import Recorded
from domain import ids
from domain.merchants.merchant import Merchant
from domain.merchants.webhook_endpoint import WebhookEndpoints
from domain.payouts.payout import Payout
from domain.sessions.payment_session import PaymentSession
from domain.static_codes.static_code import StaticCode
from projections._read_model import ReadModel, recordset

OWN: Final = (PaymentSession, Payout, StaticCode, WebhookEndpoints, Merchant)
"""The aggregates whose events are their merchant's to read. Keys are not: an event of theirs holds
the hash of a secret. Neither are the house's books about a merchant."""


class EventPlace(NamedTuple):
    """Where the log has an event, and whether its texts are hidden from its merchant."""

    position: int
    stream_id: UUID
    version: int
    restricted: bool


class MerchantEvents(ReadModel):
    """The places of every event that is a merchant's to read. Eventually consistent."""

    name = "merchant_events"
    version = 1
    key = ("merchant_id", "position")
    follows = tuple(event for aggregate in OWN for event in aggregate.events())
    tables = """
        create table {table} (
            merchant_id text not null, position bigint not null, stream_id uuid not null,
            version bigint not null, type text not null, restricted boolean not null,
            primary key (merchant_id, position)
        );
        create index on {table} (merchant_id, type, position);
        create unique index on {table} (stream_id) where version = 1;
    """

    @classmethod
    def apply(cls, events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> None:
        """Insert the events of a page; a restriction is kept with the first event of its stream."""
        owners = _owners(events, cursor, table)
        rows = [
            {
                "merchant_id": owners[recorded.stream_id],
                "position": recorded.position,
                "stream_id": str(recorded.stream_id),
                "version": recorded.version,
                "type": recorded.topic,
                "restricted": False,
            }
            for recorded in events
        ]
        cursor.execute(
            f"insert into {table} select * from jsonb_populate_recordset(null::{table}, %s) "
            "on conflict do nothing",
            (recordset(rows),),
        )
        hidden = [one.stream_id for one in events if one.topic == PaymentSession.Restricted.TOPIC]
        if hidden:
            cursor.execute(
                f"update {table} set restricted = true where version = 1 and stream_id = any(%s)",
                (hidden,),
            )

    def of_merchant(
        self, merchant_id: str, *, after: int, event_type: str | None = None, limit: int
    ) -> list[EventPlace]:
        """A merchant's events after a position, oldest first, at most `limit`."""
        query = f"""
            select e.position, e.stream_id, e.version, f.restricted
              from read_models.{self.name} e
              join read_models.{self.name} f on f.stream_id = e.stream_id and f.version = 1
             where e.merchant_id = %(merchant_id)s and e.position > %(after)s
               and (%(type)s::text is null or e.type = %(type)s)
             order by e.position limit %(limit)s
        """
        values = {"merchant_id": merchant_id, "after": after, "type": event_type, "limit": limit}
        with self._connect() as connection:
            return [EventPlace(*row) for row in connection.execute(query, values)]


def _owners(events: Sequence[Recorded], cursor: Cursor[TupleRow], table: str) -> dict[UUID, str]:
    """The merchant of each stream: named by its first event, on this page or on an earlier one."""
    owners: dict[UUID, str] = {}
    for recorded in events:
        if recorded.version == 1:
            event: Any = recorded.event
            named = getattr(event, "merchant_id", None)
            owners[recorded.stream_id] = named or ids.encode("mer", recorded.stream_id)
    earlier = list({recorded.stream_id for recorded in events} - owners.keys())
    if earlier:
        query = (
            f"select stream_id, merchant_id from {table} where version = 1 and stream_id = any(%s)"
        )
        owners |= dict(cursor.execute(query, (earlier,)).fetchall())
    return owners
