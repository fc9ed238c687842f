"""Refreshes the exchange rates, so that a quote never calls anybody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from application.event_log import Recorded
from application.ports.rates import RateProvider, RatesNotFetched, RateStore
from application.processes.process import Done, Process, Result, Retry, RetryPolicy, Task
from domain.merchants.merchant import Merchant

KEY: Final = "reference rates"
"""The only task: it ends in its own repetition."""
PAUSE: Final = timedelta(hours=1)
"""The ECB publishes once a working day, at about 16:00 in Frankfurt."""


class RateRefresh(Process):
    """Fetches the rates once an hour from the first merchant on."""

    name: ClassVar[str] = "rates"
    follows: ClassVar[tuple[type[Any], ...]] = (Merchant.Registered,)
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=1_000_000,  # a source that is away for months is asked again
        first_seconds=30.0,
        seconds_max=1800.0,
        retries_per_minute_max=6,
        failures_max=20,
        open_seconds=600.0,
        lease_seconds=120.0,
    )

    def __init__(self, rate_provider: RateProvider, rate_store: RateStore) -> None:
        self._provider = rate_provider
        self._store = rate_store

    def react(self, recorded: Recorded) -> Iterable[Task]:
        """Start with the first merchant; the task stays, so a further merchant changes nothing."""
        return [Task(key=KEY, due_at=recorded.recorded_at)]

    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """Fetch and store; then wait for an hour by the ledger's time."""
        try:
            now = self._store.save(self._provider.fetch())
        except RatesNotFetched as error:
            return [Retry(reason=str(error)) for _ in tasks]
        return [Done(tasks=[Task(key=KEY, due_at=now + PAUSE)]) for _ in tasks]
