"""Records what callbacks say. Their tasks are stored with them, by whoever receives them.

A callback about nothing that the ledger knows waits, since what it is about may still be on its
way; so does a dispute of money that has paid nothing yet. After 72 hours captured money goes to
suspense with an alarm, and anything else is dropped, a dispute with an alarm.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from application import callbacks
from application.command import Command
from application.commands.receive_suspense import ReceiveSuspense
from application.errors import NotFound
from application.event_log import Recorded
from application.ports.attempt_notes import AttemptNotes
from application.ports.processor import Notice, State, Subject
from application.processes import _processor_words as words
from application.processes.process import Cancel, Done, Process, Result, RetryPolicy, Task
from application.reader import Reader
from domain import ids, times
from domain.sessions.payment_session import PaymentSession

WAITS: Final = timedelta(hours=72)
PAUSE: Final = timedelta(hours=1)
_log = logging.getLogger(__name__)


class ProcessorCallbacks(Process):
    """Each notice has one effect, in whatever order and however often it is delivered."""

    name: ClassVar[str] = callbacks.PROCESS
    follows: ClassVar[tuple[type[Any], ...]] = ()
    retry: ClassVar[RetryPolicy] = RetryPolicy(
        attempts_max=1000,
        first_seconds=0.5,
        seconds_max=60.0,
        retries_per_minute_max=6000,
        failures_max=1_000_000,  # nobody outside is called
        open_seconds=1.0,
        tasks_max=32,
        lease_seconds=30.0,
    )

    def __init__(self, notes: AttemptNotes, reader: Reader) -> None:
        """Record callbacks.

        Args:
            notes: know the charges that processors call by their own names only.
            reader: reads sessions.
        """
        self._notes = notes
        self._reader = reader

    def react(self, recorded: Recorded) -> Iterable[Task | Cancel]:  # noqa: ARG002 - see the module
        """No event sets a task."""
        return ()

    def perform(self, tasks: Sequence[Task]) -> Sequence[Result]:
        """The commands of each callback."""
        return [self._perform(task) for task in tasks]

    def _perform(self, task: Task) -> Result:
        processor, notice = task.payload["processor"], callbacks.from_payload(task.payload)
        key = notice.key or self._notes.key_of(processor, notice.charge_reference)
        known = callbacks.read_key(key)
        if known is not None and self._concerns(notice, *known):
            session_id, prefix, subject_id = known
            return Done(commands=_commands(notice, session_id, prefix, subject_id))
        return self._unmatched(task, processor, notice)

    def _concerns(self, notice: Notice, session_id: UUID, prefix: str, subject_id: UUID) -> bool:
        """Whether the ledger knows what it is about; a dispute is about money that has paid."""
        try:
            session = self._reader.get(PaymentSession, session_id, "payment session").state
        except NotFound:
            return False
        name, payment = ids.encode(prefix, subject_id), session.payment
        if notice.subject is Subject.DISPUTE:
            return payment is not None and payment.attempt_id == name
        return name in (session.attempts if prefix == "att" else session.refunds)

    def _unmatched(self, task: Task, processor: str, notice: Notice) -> Result:
        now = max(self._reader.clock.now(), task.due_at)  # a test clock may have been advanced
        first = task.payload.get("first_at") or times.to_text(now)
        if now + PAUSE <= times.from_text(first) + WAITS:
            payload = {**task.payload, "first_at": first}
            return Done(tasks=[Task(key=task.key, due_at=now + PAUSE, payload=payload)])
        answer = notice.answer
        if notice.subject is Subject.DISPUTE:
            _log.critical("%s has had a dispute of money that has paid nothing", processor)
            return Done()
        if answer.state is not State.CAPTURED or answer.amount is None:
            _log.warning("a callback of %s is about nothing that the ledger knows", processor)
            return Done()
        _log.critical("%s has captured money that belongs to no attempt", processor)
        reference = notice.charge_reference or answer.reference or notice.id
        money = ReceiveSuspense(processor=processor, reference=reference, money=answer.amount)
        return Done(commands=[money])


def _commands(notice: Notice, session_id: UUID, prefix: str, subject_id: UUID) -> Sequence[Command]:
    if notice.subject is Subject.DISPUTE:
        return words.about_dispute(session_id, notice.answer)
    if notice.subject is Subject.REFUND and prefix == "ref":
        return words.about_refund(session_id, subject_id, notice.answer)
    if notice.subject is Subject.CHARGE and prefix == "att":
        return words.about_attempt(session_id, subject_id, notice.answer)
    return ()
