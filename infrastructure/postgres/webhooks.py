"""The store of webhook deliveries in `ledger.webhook_deliveries`, `_attempts` and `_health`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from application.ports.webhooks import (
    EVERY_DELIVERY,
    MISSED_MAX,
    Attempt,
    Delivery,
    DeliveryFilter,
    DeliveryStatus,
    Health,
    Missed,
    NewDelivery,
)
from domain import text

ROWS_MAX: Final = 1000
"""Rows of one insert."""
T = TypeVar("T")


def _names(kind: type[Any]) -> list[str]:
    return [field.name for field in fields(kind)]


_NEW: Final = _names(NewDelivery)
_DELIVERY: Final = ", ".join(_names(Delivery))
_ATTEMPT: Final = ", ".join(_names(Attempt))
_HEALTH: Final = ", ".join(_names(Health))
_BEGIN: Final = f"""
insert into ledger.webhook_deliveries as d ({", ".join(_NEW)}, created_at, next_attempt_at)
select n.*, %s, %s
  from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
              %s::bigint[]) as n ({", ".join(_NEW)})
on conflict (id) do update set status = 'pending', next_attempt_at = excluded.next_attempt_at
 where d.status in ('failed', 'skipped')
"""
_INSERT_ATTEMPTS: Final = f"""
insert into ledger.webhook_attempts ({_ATTEMPT})
select * from unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::int[], %s::int[],
                     %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
"""
_UPDATE: Final = """
update ledger.webhook_deliveries d
   set attempts = d.attempts + 1,
       status = case d.status when 'delivered' then d.status else n.status end,
       next_attempt_at = n.next_attempt_at, reason = n.reason
  from unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[])
       as n (id, status, next_attempt_at, reason)
 where d.id = n.id
"""
_SAVE_HEALTH: Final = f"""
insert into ledger.webhook_health ({_HEALTH})
select * from unnest(%s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::int[])
on conflict (target) do update
   set failures = excluded.failures, failing_since = excluded.failing_since,
       closed_until = excluded.closed_until, milliseconds = excluded.milliseconds
"""
_DEFER: Final = """
update ledger.webhook_deliveries d set next_attempt_at = n.until
  from unnest(%s::text[], %s::timestamptz[]) as n (id, until)
 where d.id = n.id and d.status = 'pending'
"""
_GIVE_UP: Final = """
update ledger.webhook_deliveries set status = %s, reason = %s, next_attempt_at = null
 where id = any(%s) and status = 'pending'
"""
_LATEST: Final = f"""
select {_ATTEMPT} from (
    select number, {_ATTEMPT} from ledger.webhook_attempts
     where delivery_id = %s order by number desc limit %s) latest
 order by number
"""

_MISSED: Final = """
select t.target, failed.count, skipped.count, least(failed.first, skipped.first)
  from unnest(%(targets)s::text[]) as t (target)
 cross join lateral (select count(*), min(position) as first from (
    select position from ledger.webhook_deliveries d
     where d.merchant_id = %(merchant)s and d.target = t.target and status = 'failed'
       and position > 0 order by position limit %(most)s) one) failed
 cross join lateral (select count(*), min(position) as first from (
    select position from ledger.webhook_deliveries d
     where d.merchant_id = %(merchant)s and d.target = t.target and status = 'skipped'
       and position > 0 order by position limit %(most)s) one) skipped
 where failed.count + skipped.count > 0
"""


class PostgresDeliveries:
    """`application.ports.webhooks.DeliveryStore` in PostgreSQL."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection[TupleRow]]]) -> None:
        """Keep deliveries in a database.

        Args:
            connect: lends a connection: of the projector to write, of anybody to read.
        """
        self._connect = connect

    def begin(self, deliveries: Sequence[NewDelivery], at: datetime) -> None:
        """See the port."""
        unique = {one.id: one for one in deliveries}
        columns = [[getattr(one, name) for one in unique.values()] for name in _NEW]
        self._execute((_BEGIN, (at, at, *columns)))

    def tries(self, tasks: Sequence[str]) -> Mapping[str, int]:
        """See the port."""
        query = "select task, count(*) from ledger.webhook_attempts where task = any(%s) group by 1"
        with self._connect() as connection:
            return dict(connection.execute(query, (list(tasks),)).fetchall())

    def health(self, targets: Sequence[str]) -> Mapping[str, Health]:
        """See the port."""
        query = f"select {_HEALTH} from ledger.webhook_health where target = any(%s)"
        return {one.target: one for one in self._rows(Health, query, (list(targets),))}

    def record(self, attempts: Sequence[Attempt], health: Sequence[Health]) -> None:
        """See the port."""
        rows = [_storable(one) for one in attempts]
        columns = _columns(_names(Attempt), rows)
        latest = {row["delivery_id"]: row for row in rows}
        states = _columns(["delivery_id", "status", "next_attempt_at", "reason"], latest.values())
        targets = sorted(health, key=lambda one: one.target)  # always locked in this order
        healths = [[getattr(one, name) for one in targets] for name in _names(Health)]
        self._execute((_INSERT_ATTEMPTS, columns), (_UPDATE, states), (_SAVE_HEALTH, healths))

    def defer(self, delivery_ids: Sequence[str], until: Sequence[datetime]) -> None:
        """See the port."""
        self._execute((_DEFER, (list(delivery_ids), list(until))))

    def give_up(self, delivery_ids: Sequence[str], status: DeliveryStatus, reason: str) -> None:
        """See the port."""
        self._execute((_GIVE_UP, (status.value, reason, list(delivery_ids))))

    def newest(
        self,
        merchant_id: str,
        only: DeliveryFilter = EVERY_DELIVERY,
        *,
        before: int | None = None,
        limit: int,
    ) -> Sequence[Delivery]:
        """See the port."""
        filters = {
            "merchant_id = %s": merchant_id,
            "status = %s": only.status.value if only.status else None,
            "target = %s": only.target,
            "event_type = %s": only.event_type,
            "created_at >= %s": only.created_from,
            "created_at < %s": only.created_to,
            "number < %s": before,
        }
        given = {condition: value for condition, value in filters.items() if value is not None}
        query = (
            f"select {_DELIVERY} from ledger.webhook_deliveries where {' and '.join(given)} "
            "order by number desc limit %s"
        )
        return [_delivery(one) for one in self._rows(Delivery, query, (*given.values(), limit))]

    def missed(self, merchant_id: str, targets: Sequence[str]) -> Mapping[str, Missed]:
        """See the port."""
        facts = {"merchant": merchant_id, "targets": list(targets), "most": MISSED_MAX}
        with self._connect() as connection:
            rows = connection.execute(_MISSED, facts).fetchall()
        return {
            target: Missed(target=target, failed=failed, skipped=skipped, first_position=first)
            for target, failed, skipped, first in rows
        }

    def get(self, merchant_id: str, delivery_id: str) -> Delivery | None:
        """See the port."""
        query = (
            f"select {_DELIVERY} from ledger.webhook_deliveries where merchant_id = %s and id = %s"
        )
        found = self._rows(Delivery, query, (merchant_id, delivery_id))
        return _delivery(found[0]) if found else None

    def attempts(self, delivery_id: str, limit: int) -> Sequence[Attempt]:
        """See the port."""
        return [_attempt(one) for one in self._rows(Attempt, _LATEST, (delivery_id, limit))]

    def find(self, merchant_id: str, delivery_ids: Sequence[str], limit: int) -> Sequence[Delivery]:
        """See the port."""
        query = (
            f"select {_DELIVERY} from ledger.webhook_deliveries where id = any(%s) "
            "and merchant_id = %s order by number limit %s"
        )
        found = self._rows(Delivery, query, (list(delivery_ids), merchant_id, limit))
        return [_delivery(one) for one in found]

    def earliest_attempts(self, delivery_ids: Sequence[str], limit: int) -> Sequence[Attempt]:
        """See the port."""
        query = (
            f"select {_ATTEMPT} from ledger.webhook_attempts where delivery_id = any(%s) "
            "order by number limit %s"
        )
        found = self._rows(Attempt, query, (list(delivery_ids), limit))
        return [_attempt(one) for one in found]

    def _rows(self, kind: type[T], query: str, parameters: Sequence[Any]) -> list[T]:
        with self._connect() as connection:
            cursor = connection.cursor(row_factory=class_row(kind))
            return cursor.execute(query, parameters).fetchall()

    def _execute(self, *statements: tuple[str, Sequence[Any]]) -> None:
        with self._connect() as connection, connection.transaction():
            for statement, parameters in statements:
                connection.execute(statement, parameters)


def _storable(attempt: Attempt) -> dict[str, Any]:
    row = {name: getattr(attempt, name) for name in _names(Attempt)}
    row["status"] = attempt.status.value
    row["answer"] = text.replace_unacceptable(attempt.answer)
    return row


def _columns(names: Sequence[str], rows: Any) -> list[list[Any]]:
    rows = list(rows)
    return [[row[name] for row in rows] for name in names]


def _delivery(row: Delivery) -> Delivery:
    return replace(row, status=DeliveryStatus(row.status))


def _attempt(row: Attempt) -> Attempt:
    return replace(row, status=DeliveryStatus(row.status))
