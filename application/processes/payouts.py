"""Has the bank send funded payouts, and asks until it knows what became of them.

    payout.funded ──▶ send, under the payout's id ──▶ ask, later and later ──▶ settled or returned

Each question has a task of its own, and so a key of its own: a bank that says `settled` today and
`returned` next week is recorded both times. After `settled` the questions go on, since a bank may
still send the money back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from application.command import Command
from application.commands.return_payout import ReturnPayout
from application.commands.send_payout import SendPayout
from application.commands.settle_payout import SettlePayout
from application.event_log import Recorded
from application.ports.bank import Bank, NoAnswer, Transfer, TransferOrder, TransferState
from application.processes.process import (
    Cancel,
    Done,
    Park,
    Process,
    Result,
    Retry,
    RetryPolicy,
    Task,
)
from domain import ids, times
from domain.money.money import Money
from domain.payouts.payout import Payout

FIRST_QUESTION: Final = timedelta(seconds=5)
"""After sending; then twice as long each time."""
WATCHED: Final = timedelta(days=10)
"""For so long after sending the bank is asked; returns are due within a few banking days."""
DOUBLINGS_MAX: Final = 12
"""Then every 5.7 hours."""
REASON_CHARS_MAX: Final = 200


class PayoutTransfers(Process):
    """Sends each payout once, whatever dies and however often the bank is asked."""

    name: ClassVar[str] = "payout_transfers"
    follows: ClassVar[tuple[type[Any], ...]] = (Payout.Funded,)
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=50,
        first_seconds=1.0,
        seconds_max=600.0,
        retries_per_minute_max=300,
        failures_max=50,
        open_seconds=30.0,
        concurrency=2,
        tasks_max=4,
        lease_seconds=60.0,
    )

    def __init__(self, bank: Bank) -> None:
        """Send payouts.

        Args:
            bank: makes the transfers.
        """
        self._bank = bank

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        """A funded payout is to be sent; the key of the task is the payout's id."""
        event: Any = recorded.event
        payload = {
            "amount_minor": str(event.amount_minor),
            "currency": event.currency,
            "destination": event.destination,
            "until": times.to_text(recorded.recorded_at + WATCHED),
        }
        key = ids.encode("pay", recorded.stream_id)
        return (Task(key=key, due_at=recorded.recorded_at, payload=payload),)

    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """One call to the bank for each task."""
        return [self._perform(task) for task in tasks]

    def _perform(self, task: Task) -> Result:
        payout_id, _, question = task.key.partition(" ")
        amount = Money(int(task.payload["amount_minor"]), task.payload["currency"])
        order = TransferOrder(payout_id, amount, task.payload["destination"])
        asked = int(question or "0")
        try:
            transfer = self._bank.status(order) if asked else self._bank.send(order)
        except NoAnswer as error:
            return Retry(reason=str(error)[:REASON_CHARS_MAX])
        return _result(task, payout_id, asked, transfer)


def _result(task: Task, payout_id: str, asked: int, transfer: Transfer) -> Result:
    """What an answer means: commands, and the next question.

    Args:
        task: the call that was answered.
        payout_id: its payout.
        asked: the number of the question; 0 for the order itself.
        transfer: the answer.
    """
    stream_id, state = ids.decode("pay", payout_id), transfer.state
    commands: list[Command] = []
    if state is not TransferState.REFUSED:
        commands.append(SendPayout(payout_id=stream_id, bank_reference=transfer.reference))
    if state in {TransferState.REFUSED, TransferState.RETURNED}:
        commands.append(ReturnPayout(payout_id=stream_id, reason=transfer.reason))
        return Done(commands=commands)
    if state is TransferState.SETTLED:
        commands.append(SettlePayout(payout_id=stream_id))
    due_at = task.due_at + _pause(asked)
    if due_at <= times.from_text(task.payload["until"]):
        return Done(commands=commands, tasks=[_question(task, payout_id, asked + 1, due_at)])
    if state is TransferState.PENDING:
        return Park(reason=f"the bank has not settled it within {WATCHED.days} days")
    return Done(commands=commands)


def _pause(asked: int) -> timedelta:
    """The time from one call to the next."""
    return FIRST_QUESTION * (1 << min(asked, DOUBLINGS_MAX))


def _question(task: Task, payout_id: str, number: int, due_at: datetime) -> Task:
    return Task(key=f"{payout_id} {number}", due_at=due_at, payload=task.payload)
