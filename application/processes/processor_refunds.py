"""Has processors give money back: refunds of what they took, and money in suspense.

    refund.requested ──▶ refund, under the refund's key ──▶ succeeded | failed
    suspense.received ──▶ when it cannot be accepted any more ──▶ return_requested
    suspense.return_requested ──▶ refund, under the entry's key ──▶ returned

An answer that is missing or not final is asked for again, under the same key, with backoff.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from application import callbacks
from application.command import Command
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
from domain.sessions.payment_session import PaymentSession

REFUND: Final = "refund"
RETURN: Final = "return"
REQUEST: Final = "request return"
"""The first words of the keys of tasks; the refund's or the entry's id follows."""


class ProcessorRefunds(Process):
    """Gives each amount back once, whatever dies and however often the processor is asked."""

    name: ClassVar[str] = "processor_refunds"
    follows: ClassVar[tuple[type[Any], ...]] = (
        PaymentSession.RefundRequested,
        Suspense.Received,
        Suspense.ReturnRequested,
    )
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=100,
        first_seconds=15.0,
        seconds_max=3600.0,
        retries_per_minute_max=300,
        failures_max=1_000_000,  # each processor has a breaker of its own
        open_seconds=1.0,
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
        try:
            if word == REFUND:
                return self._refund(task, stream, subject)
            return self._return(task, stream)
        except NeedsPerson as error:
            return Park(reason=str(error))
        except ProcessorError as error:
            return Retry(reason=str(error), after=getattr(error, "after", None))

    def _refund(self, task: Task, session_id: UUID, refund: str) -> Result:
        session = self._reader.get(PaymentSession, session_id, "payment session").state
        payment, refund_id = session.payment, ids.decode("ref", refund)
        attempt = session.attempts[(payment.attempt_id if payment else None) or ""]
        order = RefundOrder(
            key=callbacks.make_key(session_id, "ref", refund_id),
            charge_key=callbacks.make_key(session_id, "att", ids.decode("att", attempt.id)),
            charge_reference=attempt.reference,
            amount=Money(session.refunds[refund].amount_minor, session.amount.currency),
            begun_at=times.from_text(task.payload["at"]),
        )
        answer = self._ask(attempt.processor, order)
        return _result(answer, words.about_refund(session_id, refund_id, answer))

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
        returned = answer.state is State.REFUNDED
        return _result(answer, [ReturnSuspense(suspense_id=suspense_id)] if returned else [])

    def _ask(self, name: str, order: RefundOrder) -> Answer:
        """Ask for the money, or how that stands if it was asked for before."""
        processor = words.processor_of(self._processors, name)
        answer = processor.status(order)
        return processor.refund(order) if answer.state is State.NOT_FOUND else answer


def _result(answer: Answer, commands: Sequence[Command]) -> Result:
    if answer.state is State.PROCESSING:
        return Retry(reason="the processor has not said how the refund ended")
    return Done(commands=commands)
