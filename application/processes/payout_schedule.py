"""Requests the daily payouts of merchants at their local times.

A chain of tasks for each merchant and currency: each one requests a payout and carries the task of
the next day. What is due is looked up when it is due, so terms that have changed or ended since
end the chain; the change itself has begun another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from application.commands.request_daily_payout import RequestDailyPayout
from application.event_log import Recorded
from application.ports.credits import AccountCredits
from application.processes.process import Cancel, Done, Process, RetryPolicy, Task
from application.reader import Reader
from domain import ids, times
from domain.accounting import chart
from domain.merchants.merchant import Merchant
from domain.merchants.payout_terms import PayoutTerms


class PayoutSchedule(Process):
    """Everything that a merchant can take out, once a day."""

    name: ClassVar[str] = "payout_schedule"
    follows: ClassVar[tuple[type[Any], ...]] = (Merchant.PayoutsChanged,)
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=1000,
        first_seconds=1.0,
        seconds_max=60.0,
        retries_per_minute_max=6000,
        failures_max=256,
        open_seconds=5.0,
        tasks_max=16,
        lease_seconds=60.0,
    )

    def __init__(self, credits: AccountCredits, reader: Reader) -> None:
        """Request daily payouts.

        Args:
            credits: counts what merchants have earned.
            reader: reads their terms.
        """
        self._credits = credits
        self._reader = reader

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        """New terms begin a chain; that of the old ones ends by itself when it is due next."""
        event: Any = recorded.event
        terms = PayoutTerms(event.destination, event.daily_at, event.zone)
        return _next(recorded.stream_id, event.currency, terms, after=recorded.recorded_at)

    def perform(self, tasks: Sequence[Task]) -> Sequence[Done]:
        """Each task requests what its merchant has earned and not taken out yet."""
        return [self._perform(task) for task in tasks]

    def _perform(self, task: Task) -> Done:
        merchant_id, currency = UUID(task.payload["merchant"]), task.payload["currency"]
        merchant = self._reader.get(Merchant, merchant_id, "merchant").state
        terms = merchant.payout_terms.get(currency)
        if terms is None or _chain(terms) != (task.payload["daily_at"], task.payload["zone"]):
            return Done()
        account = chart.PAYABLE.of(merchant.public_id)
        command = RequestDailyPayout(
            payout_id=ids.derive("daily payout", task.key),
            merchant_id=merchant_id,
            currency=currency,
            credits=self._credits.credits(account, currency),
        )
        return Done(commands=[command], tasks=_next(merchant_id, currency, terms, task.due_at))


def _chain(terms: PayoutTerms) -> tuple[str | None, str]:
    """What names a chain: a change of the destination alone changes no time."""
    return terms.daily_at, terms.zone


def _next(merchant_id: UUID, currency: str, terms: PayoutTerms, after: datetime) -> list[Task]:
    """The next task of a chain, if there is a daily payout; its key names the instant."""
    due_at = terms.next_daily(after)
    if due_at is None or terms.daily_at is None:
        return []
    merchant = ids.encode("mer", merchant_id)
    key = f"{merchant} {currency} {terms.daily_at} {terms.zone} {times.to_text(due_at)}"
    payload = {
        "merchant": str(merchant_id),
        "currency": currency,
        "daily_at": terms.daily_at,
        "zone": terms.zone,
    }
    return [Task(key=key, due_at=due_at, payload=payload)]
