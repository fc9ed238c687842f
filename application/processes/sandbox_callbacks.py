"""Sends the callbacks of the sandbox processor when they are due. Test ledgers only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from application import callbacks
from application.event_log import Recorded
from application.ports.callback_inbox import CallbackInbox
from application.ports.sandbox import SandboxNotices
from application.processes.process import Done, Process, Result, RetryPolicy, Task
from domain import ids
from domain.sessions.payment_session import PaymentSession

SANDBOX: Final = "sandbox"
LOOKS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 45, 60, 61, 90, 120)
"""Seconds after the attempt: when the sandbox is asked which of its callbacks are due."""


class SandboxCallbacks(Process):
    """Delivers what the sandbox has signed, through the inbox of every processor's callbacks."""

    name: ClassVar[str] = "sandbox_callbacks"
    follows: ClassVar[tuple[type[Any], ...]] = (
        PaymentSession.Processing,
        PaymentSession.Declined,
    )
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=100,
        first_seconds=0.5,
        seconds_max=10.0,
        retries_per_minute_max=6000,
        tasks_max=32,
        lease_seconds=30.0,
    )

    def __init__(self, sandbox: SandboxNotices, callback_inbox: CallbackInbox) -> None:
        """Deliver callbacks.

        Args:
            sandbox: signs them.
            callback_inbox: takes them.
        """
        self._sandbox = sandbox
        self._inbox = callback_inbox

    def react(self, recorded: Recorded) -> Iterable[Task]:
        """Look for callbacks a few times after an attempt of the sandbox, and after its end."""
        event: Any = recorded.event
        if event.processor != SANDBOX:
            return []
        key = callbacks.make_key(recorded.stream_id, "att", ids.decode("att", event.attempt_id))
        began = recorded.topic == PaymentSession.Processing.TOPIC
        looks = LOOKS if began else (3,)
        return [
            Task(
                key=f"{key} {'' if began else 'ended '}{seconds}",
                due_at=recorded.recorded_at + timedelta(seconds=seconds),
                payload={"key": key},
            )
            for seconds in looks
        ]

    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """Deliver what is due; what was delivered before changes nothing."""
        for task in tasks:
            for one in self._sandbox.notices(task.payload["key"]):
                if one.due_at <= task.due_at:
                    self._inbox.receive(SANDBOX, one.notice, one.sha256)
        return [Done() for _ in tasks]
