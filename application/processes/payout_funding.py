"""Has the treasury set aside the money of every payout, as soon as the bank holds it.

A process of its own: payouts that wait for money are repeated for as long as that takes, and must
neither open the breaker of the calls to the bank nor use up their budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from application.commands.fund_payout import FundPayout
from application.event_log import Recorded
from application.ports.credits import AccountCredits
from application.processes.process import Cancel, Done, Process, RetryPolicy, Task
from domain.accounting import chart
from domain.payouts.payout import Payout


class PayoutFunding(Process):
    """A payout stays `requested` until its money is at the bank in its currency."""

    name: ClassVar[str] = "payout_funding"
    follows: ClassVar[tuple[type[Any], ...]] = (Payout.Requested, Payout.Returned)
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=1000,
        first_seconds=1.0,
        seconds_max=60.0,
        retries_per_minute_max=6000,
        tasks_max=32,
        pause_seconds=0.01,
        lease_seconds=30.0,
    )

    def __init__(self, credits: AccountCredits) -> None:
        """Fund payouts.

        Args:
            credits: counts the top-ups.
        """
        self._credits = credits

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        """Each payout is to be funded, unless it is returned before."""
        key = str(recorded.stream_id)
        if recorded.topic == Payout.Returned.TOPIC:
            return (Cancel(key),)
        event: Any = recorded.event
        payload = {"currency": event.currency}
        return (Task(key=key, due_at=recorded.recorded_at, payload=payload),)

    def perform(self, tasks: Sequence[Task]) -> Sequence[Done]:
        """Each payout is funded by one command, which is refused for now if money is missing."""
        currencies = {task.payload["currency"] for task in tasks}
        topped_up = {one: self._credits.credits(chart.BANK.of(), one) for one in currencies}
        return [
            Done(
                commands=[
                    FundPayout(
                        payout_id=UUID(task.key), credits=topped_up[task.payload["currency"]]
                    )
                ]
            )
            for task in tasks
        ]
