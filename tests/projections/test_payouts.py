"""The list of payouts: rows as the events make them, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool
from projections._runner import Runner
from projections.payouts import Payouts
from tests.projections.test_read_models import make_history
from tests.support.read_models import apply_all

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("size", [1, 1000])
def test_each_payout_is_a_row_with_its_status_newest_first(
    postgres_log: PostgresLog, pool: ConnectionPool, size: int
) -> None:
    ledger = make_history(postgres_log)
    apply_all(Runner(Payouts, pool.connection), postgres_log, size=size)
    model = Payouts(postgres_log._pool.connection)

    found = model.newest(merchant_id=ledger.merchant, limit=10)

    shown: list[Any] = [
        (row.amount.minor, row.status, row.bank_reference, row.reason) for row in found
    ]
    assert shown == [
        (104, "returned", "B-1", "account closed"),
        (103, "settled", "B-1", ""),
        (102, "sent", "B-1", ""),
        (101, "requested", "", ""),
        (100, "requested", "", ""),
    ]
    assert [row.position > row.created_position for row in found] == [True] * 4 + [False]
    second = model.newest(before=found[0].created_position, limit=1)
    assert [row.public_id for row in second] == [found[1].public_id]
    assert [row.amount.minor for row in model.newest(status="sent", limit=9)] == [102]
    assert model.newest(currency="EUR", limit=9) == []
    assert model.newest(merchant_id="mer_1", limit=9) == []
