"""Asks processors how attempts stand that have no end yet: callbacks may be late, or never come.

First after 15 s, then later and later with full jitter, within a budget, until 15 minutes after
the session's deadline. An attempt without an end is flagged then, for a person; it stays locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from application.commands.accept_attempt import AcceptAttempt
from application.commands.flag_session import FlagSession
from application.event_log import Recorded
from application.ports.attempt_notes import AttemptNotes
from application.ports.processor import (
    AmountUnsupported,
    Answer,
    Charge,
    NeedsPerson,
    OutcomeUnknown,
    Processor,
    ReturnAddress,
    State,
    Unavailable,
)
from application.processes import _processor_words as words
from application.processes.process import Cancel, Done, Process, Result, Retry, RetryPolicy, Task
from application.reader import Reader
from domain import ids
from domain.sessions.attempt import ACCEPT_SECONDS, REASON_CHARS_MAX, Attempt, AttemptStatus
from domain.sessions.payment_session import PaymentSession

ACCEPT: Final = "accept"
"""The first word of the key of a task that only records the processor's reference."""
FLAG: Final = "flag"
"""The first word of the key of a task that only flags: it names no end, either."""
PROCESSING: Final = AttemptStatus.PROCESSING
FIRST_CHECK: Final = timedelta(seconds=15)
AFTER_EXPIRY: Final = timedelta(minutes=15)
"""For so long after the deadline the processor is asked."""


class StatusChecks(Process):
    """Every attempt has a known end, or a flag."""

    name: ClassVar[str] = "status_checks"
    follows: ClassVar[tuple[type[Any], ...]] = (
        PaymentSession.Processing,
        PaymentSession.Paid,
        PaymentSession.Declined,
        PaymentSession.Flagged,
    )
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=1_000_000,  # time ends the checks
        first_seconds=15.0,
        seconds_max=300.0,
        retries_per_minute_max=600,
        concurrency=2,
        tasks_max=4,
        pause_seconds=0.5,  # first checks are not repeats: with this, at most 960 calls a minute
        lease_seconds=60.0,
    )

    def __init__(
        self,
        processors: Mapping[str, Processor],
        notes: AttemptNotes,
        reader: Reader,
        return_address: ReturnAddress,
        late_money_seconds: int = ACCEPT_SECONDS,
    ) -> None:
        """Ask processors; see `Payments`."""
        self._processors = processors
        self._keeper = words.Keeper(notes, reader)
        self._reader = reader
        self._return_address = return_address
        self._late_money_seconds = late_money_seconds

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        """An attempt is asked for until it has ended."""
        event: Any = recorded.event
        if recorded.topic == PaymentSession.Processing.TOPIC:
            due_at = recorded.recorded_at + FIRST_CHECK
            payload = {"session_id": str(recorded.stream_id)}
            return [Task(key=event.attempt_id, due_at=due_at, payload=payload)]
        if recorded.topic == PaymentSession.Flagged.TOPIC:
            return [Cancel(event.subject_id)] if event.captured_minor else []
        return [Cancel(event.attempt_id)] if event.attempt_id else []

    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """One question for each task."""
        return [self._perform(task) for task in tasks]

    def _perform(self, task: Task) -> Result:
        session_id = UUID(task.payload["session_id"])
        word, _, key = task.key.rpartition(" ")
        attempt_id = ids.decode("att", key)
        if word == ACCEPT:
            reference = task.payload["reference"]
            accept = AcceptAttempt(
                session_id=session_id, attempt_id=attempt_id, reference=reference
            )
            return Done(commands=[accept])
        if word == FLAG:
            reason = task.payload["reason"]
            flag = FlagSession(session_id=session_id, attempt_id=attempt_id, reason=reason)
            return Done(commands=[flag])
        current = self._reader.get(PaymentSession, session_id, "payment session")
        session, now = current.state, current.now
        attempt = session.attempts[task.key]
        if not attempt.active:
            return Done()
        return self._check(task, session, attempt, now)

    def _check(
        self, task: Task, session: PaymentSession, attempt: Attempt, now: datetime
    ) -> Result:
        expired = now >= session.expires_at
        charge = words.charge_of(session, attempt, self._return_address)
        reason = "the processor has not said how it ended"
        answer: Answer | None = None
        after: timedelta | None = None
        try:
            answer = self._ask(charge, attempt, ended=expired or attempt.void_requested)
        except Unavailable as error:
            reason, after = str(error), error.after
        except (OutcomeUnknown, NeedsPerson, AmountUnsupported) as error:
            reason = str(error)
        if answer is not None and words.is_end(attempt, answer):
            late = self._late_money_seconds
            return Done(commands=words.about_attempt(session.id, attempt, answer, late))
        # What is no end is recorded under keys of their own: this task's key names the end.
        tasks = []
        if answer is not None and answer.reference and attempt.status is not PROCESSING:
            taken_up = {**task.payload, "reference": answer.reference}
            tasks.append(Task(key=f"{ACCEPT} {task.key}", due_at=now, payload=taken_up))
        if now >= session.expires_at + AFTER_EXPIRY:
            why = {**task.payload, "reason": reason[:REASON_CHARS_MAX]}
            tasks.append(Task(key=f"{FLAG} {task.key}", due_at=now, payload=why))
            return Done(tasks=tasks)
        if tasks:
            again = Task(key=task.key, due_at=now + FIRST_CHECK, payload=task.payload)
            return Done(tasks=[*tasks, again])
        return Retry(reason=reason, after=after)

    def _ask(self, charge: Charge, attempt: Attempt, *, ended: bool) -> Answer:
        """How a charge stands; one that has not arrived, or waits for us, is taken on."""
        processor = words.processor_of(self._processors, attempt.processor)
        answer = processor.status(charge)
        self._keeper.keep(attempt.processor, charge, answer)
        if answer.state is State.NOT_FOUND and ended:
            return processor.void(charge)
        if answer.state in {State.NOT_FOUND, State.CONFIRMABLE} and not ended:
            return self._keeper.begin(processor, attempt.processor, charge)
        return answer if ended else words.capture(processor, charge, answer)
