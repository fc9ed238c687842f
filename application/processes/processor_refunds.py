"""Has processors give money back: refunds of what they took, and money in suspense.

    refund.requested ──▶ refund, under the refund's key ──▶ succeeded | failed
    suspense.received ──▶ when it cannot be accepted any more ──▶ return_requested
    suspense.return_requested ──▶ refund, under the entry's key ──▶ returned

An answer that is missing or not final is asked for again, under the same key, with backoff. A
refund that the processor says nothing about for 15 minutes is flagged for a person; it is asked for
all the same, so that it ends by itself once the processor answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from application import callbacks
from application.commands.flag_refund import FlagRefund
from application.commands.request_suspense_return import RequestSuspenseReturn
from application.commands.return_suspense import ReturnSuspense
from application.event_log import Recorded
from application.ports.processor import (
    Answer,
    NeedsPerson,
    Processor,
    ProcessorError,
    RefundOrder,
    State,
)
from application.processes import _processor_words as words
from application.processes.process import Done, Park, Process, Result, Retry, RetryPolicy, Task
from application.reader import Reader
from domain import ids, times
from domain.money.money import Money
from domain.processors.suspense import Suspense
from domain.sessions.attempt import REASON_CHARS_MAX, Flag
from domain.sessions.payment_session import PaymentSession
from domain.sessions.refund import RefundStatus

REFUND: Final = "refund"
RETURN: Final = "return"
REQUEST: Final = "request return"
FLAG: Final = "flag"
"""The first words of the keys of tasks; the refund's or the entry's id follows."""
UNANSWERED: Final = timedelta(minutes=15)
"""A refund that has had no answer for so long needs a person."""
OPEN_ENDED: Final = "the processor has not said how the refund ended"
PENDING: Final = timedelta(days=30)
"""So does one that the processor has been working on for so long."""
PAUSE_MIN: Final = timedelta(seconds=15)
PAUSE_MAX: Final = timedelta(days=1)
"""Between two questions about a refund that is open for longer than a moment: as long as it has
taken so far, within these limits."""


class ProcessorRefunds(Process):
    """Gives each amount back once, whatever dies and however often the processor is asked."""

    name: ClassVar[str] = "processor_refunds"
    follows: ClassVar[tuple[type[Any], ...]] = (
        PaymentSession.RefundRequested,
        Suspense.Received,
        Suspense.ReturnRequested,
    )
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=400,
        first_seconds=15.0,
        seconds_max=900.0,
        retries_per_minute_max=300,
        concurrency=2,
        tasks_max=2,
        lease_seconds=60.0,
    )

    def __init__(self, processors: Mapping[str, Processor], reader: Reader) -> None:
        """Give money back.

        Args:
            processors: by name.
            reader: reads sessions and suspense entries.
        """
        self._processors = processors
        self._reader = reader

    def react(self, recorded: Recorded) -> Iterable[Task]:
        """Refunds and requested returns at once; a return is requested when it is due."""
        event: Any = recorded.event
        stream, at = str(recorded.stream_id), recorded.recorded_at
        match recorded.topic:
            case PaymentSession.RefundRequested.TOPIC:
                if event.processor is None:
                    return []
                key = f"{REFUND} {event.refund_id}"
            case Suspense.Received.TOPIC:
                key, at = f"{REQUEST} {stream}", max(at, times.from_text(event.accept_until))
            case _:
                key = f"{RETURN} {stream}"
        return [Task(key=key, due_at=at, payload={"stream": stream, "at": times.to_text(at)})]

    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """One call of a processor for each task."""
        return [self._perform(task) for task in tasks]

    def _perform(self, task: Task) -> Result:
        word, _, subject = task.key.rpartition(" ")
        stream = UUID(task.payload["stream"])
        if word == REQUEST:
            return Done(commands=[RequestSuspenseReturn(suspense_id=stream)])
        if word == FLAG:
            refund_id, reason = ids.decode("ref", subject), task.payload["reason"]
            flag = FlagRefund(session_id=stream, refund_id=refund_id, reason=reason)
            return Done(commands=[flag])
        if word == REFUND:
            return self._refund(task, stream, subject)
        try:
            return self._return(task, stream)
        except NeedsPerson as error:
            return Park(reason=str(error))
        except ProcessorError as error:
            return Retry(reason=str(error), after=getattr(error, "after", None))

    def _refund(self, task: Task, session_id: UUID, refund: str) -> Result:
        current = self._reader.get(PaymentSession, session_id, "payment session")
        session, now = current.state, current.now
        if session.refunds[refund].status is not RefundStatus.PENDING:
            return Done()  # a callback or a person has ended it
        payment, refund_id = session.payment, ids.decode("ref", refund)
        requested = times.from_text(task.payload["at"])
        attempt = session.attempts[(payment.attempt_id if payment else None) or ""]
        order = RefundOrder(
            key=callbacks.make_key(session_id, "ref", refund_id),
            charge_key=callbacks.make_key(session_id, "att", ids.decode("att", attempt.id)),
            charge_reference=attempt.reference,
            amount=Money(session.refunds[refund].amount_minor, session.amount.currency),
            begun_at=requested,
        )
        flagged = (Flag.UNRESOLVED, refund) in session.flagged
        try:
            answer = self._ask(attempt.processor, order)
        except ProcessorError as error:
            heard = times.from_text(task.payload.get("heard", task.payload["at"]))
            if now < heard + UNANSWERED and not isinstance(error, NeedsPerson):
                return Retry(reason=str(error), after=getattr(error, "after", None))
            return _again(task, now, heard=heard, flag="" if flagged else str(error))
        if answer.state is not State.PROCESSING:
            return Done(commands=words.about_refund(session_id, refund_id, answer))
        too_long = now >= requested + PENDING
        return _again(task, now, heard=now, flag=OPEN_ENDED if too_long and not flagged else "")

    def _return(self, task: Task, suspense_id: UUID) -> Result:
        entry = self._reader.get(Suspense, suspense_id, "suspense entry").state
        charge_key = ""
        if entry.session_id and entry.attempt_id:
            charge_key = callbacks.make_key(
                ids.decode("ps", entry.session_id), "att", ids.decode("att", entry.attempt_id)
            )
        order = RefundOrder(
            key=ids.encode("sus", suspense_id),
            charge_key=charge_key,
            charge_reference=entry.reference,
            amount=entry.amount,
            begun_at=times.from_text(task.payload["at"]),
        )
        answer = self._ask(entry.processor, order)
        if answer.state is State.DECLINED:
            return Park(reason=f"the processor does not return the money: {answer.reason}")
        if answer.state is State.REFUNDED:
            return Done(commands=[ReturnSuspense(suspense_id=suspense_id)])
        return Retry(reason="the processor has not said how the return ended")

    def _ask(self, name: str, order: RefundOrder) -> Answer:
        """Ask for the money, or how that stands if it was asked for before."""
        processor = words.processor_of(self._processors, name)
        answer = processor.status(order)
        return processor.refund(order) if answer.state is State.NOT_FOUND else answer


def _again(task: Task, now: datetime, *, heard: datetime, flag: str) -> Done:
    """Ask again, as long after this as the refund has taken so far, within limits.

    Args:
        task: asks for the refund.
        now: the ledger's time.
        heard: when the processor has answered for the last time.
        flag: why a person must find out; empty: nobody has to, or it is flagged already.
    """
    requested = times.from_text(task.payload["at"])
    pause = min(max(now - requested, PAUSE_MIN), PAUSE_MAX)
    payload = {**task.payload, "heard": times.to_text(heard)}
    tasks = [Task(key=task.key, due_at=now + pause, payload=payload)]
    if flag:
        why = {"stream": task.payload["stream"], "reason": flag[:REASON_CHARS_MAX]}
        key = task.key.replace(REFUND, FLAG, 1)
        tasks.append(Task(key=key, due_at=now, payload=why))
    return Done(tasks=tasks)
