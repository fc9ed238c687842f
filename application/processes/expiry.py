"""Sends `ExpireSession` when a session's deadline has passed.

A task only triggers the command; the command decides by the ledger's time whether the session has
expired.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from application.commands.expire_session import ExpireSession
from application.event_log import Recorded
from application.processes.process import Cancel, Done, Process, RetryPolicy, Task
from domain import times
from domain.sessions import attempt_events
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import OPEN


class Expiry(Process):
    """Expires sessions that nobody has paid in time."""

    name: ClassVar[str] = "expiry"
    follows: ClassVar[tuple[type[Any], ...]] = (
        PaymentSession.Created,
        PaymentSession.Paid,
        PaymentSession.Expired,
        PaymentSession.Cancelled,
        attempt_events.Declined,
        attempt_events.Flagged,
        attempt_events.Failed,
    )
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=1000,
        first_seconds=0.5,
        seconds_max=30.0,
        retries_per_minute_max=60_000,
        failures_max=512,
        open_seconds=1.0,
        tasks_max=96,
        pause_seconds=0.01,
        lease_seconds=10.0,
    )

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        """A session is due at its deadline, unless it ends before.

        A session that was processing at its deadline is due again once an attempt has ended.
        """
        key = str(recorded.stream_id)
        if recorded.topic in _ENDS:
            return (Cancel(key),)
        event: Any = recorded.event
        if recorded.topic != PaymentSession.Created.TOPIC:
            if event.session_status not in OPEN:
                return ()
            return (Task(key=key, due_at=times.from_text(event.expires_at)),)
        order = Order.stream_id(event.merchant_id, event.order_id)
        due_at = times.from_text(event.expires_at)
        return (Task(key=key, due_at=due_at, payload={"order": str(order)}),)

    def perform(self, tasks: Sequence[Task]) -> Sequence[Done]:
        """Each session is expired by one command."""
        return [Done(commands=(_expire(task),)) for task in tasks]


_ENDS: Final = frozenset(
    event.TOPIC
    for event in (
        PaymentSession.Paid,
        PaymentSession.Expired,
        PaymentSession.Cancelled,
        attempt_events.Failed,
    )
)


def _expire(task: Task) -> ExpireSession:
    order = task.payload.get("order")  # absent after an attempt, and from early releases' timers
    order_stream_id = UUID(order) if order is not None else None
    return ExpireSession(session_id=UUID(task.key), order_stream_id=order_stream_id)
