"""Payouts asked for at once through two API processes: never more than the merchant has earned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread
from uuid import uuid4

import pytest

from infrastructure import audit
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._runner import Runner
from projections.balances import Balances
from tests.support.api_fixture import served_api
from tests.support.payouts_fixture import register_destination
from tests.support.read_models import reader

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
PAYOUTS = 50


@pytest.mark.timeout(180)
@pytest.mark.parametrize("rebuilding", [False, True])
def test_fifty_payouts_at_once_never_exceed_what_was_earned_and_lag_refuses_nobody(
    make_ledger: Callable[[], str], rebuilding: bool
) -> None:
    url = make_ledger()
    with served_api(url) as first, served_api(url) as second:
        key = first.keys["merchant"]
        register_destination(first, first.merchants[0])
        for _ in range(10):
            first.create_paid_session()
        body = {"amount": {"minor": 1000, "currency": "USD"}}

        def ask(number: int) -> str:
            api = (first, second)[number % 2]
            response = api.call(key, "POST", "/v1/payouts", body, key=str(uuid4()))
            return str(response.json().get("code", response.status_code))

        with _rebuilding(url, active=rebuilding), ThreadPoolExecutor(PAYOUTS) as pool:
            answers = Counter(pool.map(ask, range(PAYOUTS)))

        assert answers == {"201": 10, "payable-insufficient": 40}
        log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
        taken = [one.event for one in log.of_topics(("payable.debited",))]
        assert sum(one.amount_minor for one in taken) == 10_000  # type: ignore[attr-defined]
    assert audit.check(url, log).violations == []
    log.close()


@contextmanager
def _rebuilding(url: str, *, active: bool) -> Iterator[None]:
    """Rebuild `balances` again and again within the context."""
    over, rebuilt = Event(), []

    def run() -> None:
        pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=2)
        log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
        while not over.is_set():
            runner = Runner(Balances, pool.connection)
            rebuilt.append(runner.rebuild(reader(runner, log)))
        pool.close()
        log.close()

    thread = Thread(target=run)
    if active:
        thread.start()
    yield
    over.set()
    if active:
        thread.join()
        assert len(rebuilt) > 1
