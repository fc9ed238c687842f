"""Webhook deliveries in memory, with the same rules as the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime

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


class MemoryDeliveries:
    """An `application.ports.webhooks.DeliveryStore` for tests and simulations."""

    def __init__(self) -> None:
        self.rows: dict[str, Delivery] = {}
        self.made: list[Attempt] = []
        self.targets: dict[str, Health] = {}
        self._tries: Counter[str] = Counter()

    def begin(self, deliveries: Sequence[NewDelivery], at: datetime) -> None:
        for one in deliveries:
            known = self.rows.get(one.id)
            if known is None:
                self.rows[one.id] = Delivery(
                    **asdict(one),
                    number=len(self.rows) + 1,
                    status=DeliveryStatus.PENDING,
                    attempts=0,
                    created_at=at,
                    next_attempt_at=at,
                    reason="",
                )
            elif known.status in {DeliveryStatus.FAILED, DeliveryStatus.SKIPPED}:
                self.rows[one.id] = replace(
                    known, status=DeliveryStatus.PENDING, next_attempt_at=at
                )

    def tries(self, tasks: Sequence[str]) -> Mapping[str, int]:
        return {task: self._tries[task] for task in tasks if task in self._tries}

    def health(self, targets: Sequence[str]) -> Mapping[str, Health]:
        return {target: self.targets[target] for target in targets if target in self.targets}

    def record(self, attempts: Sequence[Attempt], health: Sequence[Health]) -> None:
        for one in attempts:
            self.made.append(one)
            self._tries[one.task] += 1
            row = self.rows[one.delivery_id]
            delivered = row.status is DeliveryStatus.DELIVERED
            self.rows[one.delivery_id] = replace(
                row,
                attempts=row.attempts + 1,
                status=row.status if delivered else one.status,
                next_attempt_at=one.next_attempt_at,
                reason=one.reason,
            )
        self.targets |= {one.target: one for one in health}

    def defer(self, delivery_ids: Sequence[str], until: Sequence[datetime]) -> None:
        for name, at in zip(delivery_ids, until, strict=True):
            if self.rows[name].status is DeliveryStatus.PENDING:
                self.rows[name] = replace(self.rows[name], next_attempt_at=at)

    def give_up(self, delivery_ids: Sequence[str], status: DeliveryStatus, reason: str) -> None:
        for name in delivery_ids:
            row = self.rows[name]
            if row.status is DeliveryStatus.PENDING:
                self.rows[name] = replace(row, status=status, reason=reason, next_attempt_at=None)

    def newest(
        self,
        merchant_id: str,
        only: DeliveryFilter = EVERY_DELIVERY,
        *,
        before: int | None = None,
        limit: int,
    ) -> Sequence[Delivery]:
        rows = [
            row
            for row in self.rows.values()
            if row.merchant_id == merchant_id
            and only.status in {None, row.status}
            and only.target in {None, row.target}
            and only.event_type in {None, row.event_type}
            and (only.created_from is None or row.created_at >= only.created_from)
            and (only.created_to is None or row.created_at < only.created_to)
            and (before is None or row.number < before)
        ]
        return sorted(rows, key=lambda row: -row.number)[:limit]

    def missed(self, merchant_id: str, targets: Sequence[str]) -> Mapping[str, Missed]:
        found = {}
        for target in targets:
            rows = [
                row
                for row in self.rows.values()
                if (row.merchant_id, row.target) == (merchant_id, target) and row.position > 0
            ]
            failed = sorted(r.position for r in rows if r.status is DeliveryStatus.FAILED)
            skipped = sorted(r.position for r in rows if r.status is DeliveryStatus.SKIPPED)
            if failed or skipped:
                found[target] = Missed(
                    target=target,
                    failed=min(len(failed), MISSED_MAX),
                    skipped=min(len(skipped), MISSED_MAX),
                    first_position=min(failed + skipped),
                )
        return found

    def get(self, merchant_id: str, delivery_id: str) -> Delivery | None:
        row = self.rows.get(delivery_id)
        return row if row and row.merchant_id == merchant_id else None

    def attempts(self, delivery_id: str, limit: int) -> Sequence[Attempt]:
        return [one for one in self.made if one.delivery_id == delivery_id][-limit:]

    def find(self, merchant_id: str, delivery_ids: Sequence[str], limit: int) -> Sequence[Delivery]:
        found = [row for row in self.rows.values() if row.id in set(delivery_ids)]
        return [row for row in found if row.merchant_id == merchant_id][:limit]

    def earliest_attempts(self, delivery_ids: Sequence[str], limit: int) -> Sequence[Attempt]:
        return [one for one in self.made if one.delivery_id in set(delivery_ids)][:limit]
