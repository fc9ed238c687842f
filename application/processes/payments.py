"""Has processors take the money of attempts, and ends abandoned attempts by their word.

    payment_session.processing ──▶ begin, once under the attempt's key ──▶ what happened, recorded
            └──▶ at `expires_at`, or when the payer chooses another way ──▶ void ──▶ its answer

No time ends an attempt: what `begin` and `void` leave open, the status checks ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from application import callbacks
from application.commands.decline_attempt import DeclineAttempt
from application.commands.mark_attempt_unknown import MarkAttemptUnknown
from application.event_log import Recorded
from application.ports.attempt_notes import AttemptNotes
from application.ports.processor import (
    AmountUnsupported,
    Answer,
    Charge,
    NeedsPerson,
    OutcomeUnknown,
    Processor,
    ProcessorError,
    ReturnAddress,
)
from application.processes import _processor_words as words
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
from application.reader import Reader
from domain import ids, times
from domain.sessions.attempt import ACCEPT_SECONDS, Attempt
from domain.sessions.payment_session import PaymentSession

BEGIN: Final = "begin"
VOID: Final = "void"
VOID_NOW: Final = "void now"
FORGET: Final = "forget"
"""The first words of the keys of tasks; the attempt's id follows."""
UNSUPPORTED: Final = "amount-unsupported"


class Payments(Process):
    """Begins each attempt once, whatever dies, and voids those that the payer has left."""

    name: ClassVar[str] = "payments"
    follows: ClassVar[tuple[type[Any], ...]] = (
        PaymentSession.Processing,
        PaymentSession.VoidRequested,
        PaymentSession.Paid,
        PaymentSession.Declined,
        PaymentSession.Flagged,
    )
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=200,
        first_seconds=1.0,
        seconds_max=60.0,
        retries_per_minute_max=600,
        concurrency=4,
        tasks_max=1,
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
        """Take payments.

        Args:
            processors: by name.
            notes: keep what payers need of attempts.
            reader: reads sessions.
            return_address: where payers come back to.
            late_money_seconds: how long merchants may accept late money before it is returned.
        """
        self._processors = processors
        self._notes = notes
        self._keeper = words.Keeper(notes, reader)
        self._reader = reader
        self._return_address = return_address
        self._late_money_seconds = late_money_seconds

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:
        """An attempt is begun at once and voided at the deadline, unless it ends before."""
        event: Any = recorded.event
        session_id, at = str(recorded.stream_id), recorded.recorded_at
        match recorded.topic:
            case PaymentSession.Processing.TOPIC:
                deadline = times.from_text(event.expires_at)
                return [
                    _task(BEGIN, event.attempt_id, session_id, at),
                    _task(VOID, event.attempt_id, session_id, max(at, deadline)),
                ]
            case PaymentSession.VoidRequested.TOPIC:
                return [_task(VOID_NOW, event.attempt_id, session_id, at)]
            case PaymentSession.Flagged.TOPIC:
                ended = event.subject_id if event.captured_minor else ""
            case _:
                ended = event.attempt_id or ""
        if not ended.startswith("att_"):
            return []
        cancels = [Cancel(f"{word} {ended}") for word in (BEGIN, VOID, VOID_NOW)]
        return [*cancels, _task(FORGET, ended, session_id, at)]

    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """One call of a processor for each task."""
        return [self._forget(t) if t.key.startswith(FORGET) else self._perform(t) for t in tasks]

    def _forget(self, task: Task) -> Result:
        """Forget what its payer needed, but not what its processor calls it.

        Whoever said how it ended, a callback that names only the reference is about this attempt.
        """
        attempt_id = task.key.removeprefix(f"{FORGET} ")
        self._notes.forget(attempt_id)
        self._notes.clean()
        session_id = UUID(task.payload["session_id"])
        session = self._reader.get(PaymentSession, session_id, "payment session").state
        attempt = session.attempts[attempt_id]
        if attempt.reference:
            key = callbacks.make_key(session.id, "att", ids.decode("att", attempt_id))
            self._notes.set_key(attempt.processor, attempt.reference, key)
        return Done()

    def _perform(self, task: Task) -> Result:
        word, _, attempt_id = task.key.rpartition(" ")
        session_id = UUID(task.payload["session_id"])
        current = self._reader.get(PaymentSession, session_id, "payment session")
        session = current.state
        attempt = session.attempts[attempt_id]
        to_be_voided = attempt.void_requested or current.now >= session.expires_at
        if not attempt.active or (word == BEGIN and to_be_voided):
            return Done()
        charge = words.charge_of(session, attempt, self._return_address)
        try:
            processor = words.processor_of(self._processors, attempt.processor)
            if word == BEGIN:
                return self._begin(processor, session, attempt, charge)
            answer = processor.void(charge)
        except NeedsPerson as error:
            return Park(reason=str(error))
        except ProcessorError as error:
            return Retry(reason=str(error), after=getattr(error, "after", None))
        if not words.is_end(attempt, answer):
            return Retry(reason="the processor has not ended it yet")
        return self._done(session, attempt, answer)

    def _begin(
        self, processor: Processor, session: PaymentSession, attempt: Attempt, charge: Charge
    ) -> Result:
        """Begin a charge; what nobody knows is marked, and the status checks ask for it."""
        same: dict[str, Any] = {
            "session_id": session.id,
            "attempt_id": ids.decode("att", attempt.id),
        }
        try:
            answer = self._keeper.begin(processor, attempt.processor, charge)
        except AmountUnsupported:
            return Done(commands=[DeclineAttempt(reason=UNSUPPORTED, **same)])
        except OutcomeUnknown:
            return Done(commands=[MarkAttemptUnknown(**same)])
        return self._done(session, attempt, answer)

    def _done(self, session: PaymentSession, attempt: Attempt, answer: Answer) -> Done:
        late = self._late_money_seconds
        return Done(commands=words.about_attempt(session.id, attempt, answer, late))


def _task(word: str, attempt_id: str, session_id: str, due_at: datetime) -> Task:
    return Task(key=f"{word} {attempt_id}", due_at=due_at, payload={"session_id": session_id})
