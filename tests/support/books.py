"""Shorthands for tests of the books: what no command of theirs does is appended directly."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from application.event_log import AppendRequest, EventLog, fold, history
from application.event_log import Event as LoggedEvent
from domain.aggregate import LedgerAggregate
from domain.merchants.fee_plan import FeePlan


def append(log: EventLog, *aggregates: LedgerAggregate) -> int:
    """Append the pending events of some aggregates as one command; returns the last position."""
    events: list[LoggedEvent] = []
    for aggregate in aggregates:
        events += aggregate.collect_events()
    first = aggregates[0]
    request = AppendRequest(uuid7(), b"", events, subject=first.id, version=first.version)
    [verdict] = log.append([request])
    assert verdict.last_position is not None, verdict
    return verdict.last_position


def set_plan(log: EventLog, merchant_id: UUID, currency: str, plan: FeePlan) -> None:
    """Set a merchant's fees in a currency."""
    merchant: Any = fold(history(log, merchant_id))
    merchant.set_plan(currency, plan, at=log.now())
    append(log, merchant)
