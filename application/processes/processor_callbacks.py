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
from domain.sessions.attempt import ACCEPT_SECONDS
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
        tasks_max=32,
        lease_seconds=30.0,
    )

    def __init__(
        self, notes: AttemptNotes, reader: Reader, late_money_seconds: int = ACCEPT_SECONDS
    ) -> None:
        """Record callbacks.

        Args:
            notes: know the charges that processors call by their own names only.
            reader: reads sessions.
            late_money_seconds: see `Payments`.
        """
        self._notes = notes
        self._reader = reader
        self._late_money_seconds = late_money_seconds

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
        if known is None:
            return self._unmatched(task, processor, notice)
        session_id, prefix, subject_id = known
        name = ids.encode(prefix, subject_id)
        session = self._session_of(notice, session_id, name)
        if session is None:
            return self._unmatched(task, processor, notice)
        return Done(commands=_commands(notice, session, name, self._late_money_seconds))

    def _session_of(self, notice: Notice, session_id: UUID, name: str) -> PaymentSession | None:
        """The session, if it knows what it is about; a dispute is about money that has paid."""
        try:
            session = self._reader.get(PaymentSession, session_id, "payment session").state
        except NotFound:
            return None
        payment = session.payment
        if notice.subject is Subject.DISPUTE:
            concerned = payment is not None and payment.attempt_id == name
        else:
            concerned = name in session.attempts or name in session.refunds
        return session if concerned else None

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


def _commands(
    notice: Notice, session: PaymentSession, name: str, accept_seconds: int
) -> Sequence[Command]:
    """Money that is only authorised is captured by the status checks; a callback calls nobody."""
    if notice.subject is Subject.DISPUTE:
        return words.about_dispute(session.id, notice.answer)
    if notice.subject is Subject.REFUND and name in session.refunds:
        return words.about_refund(session.id, ids.decode("ref", name), notice.answer)
    if notice.subject is Subject.CHARGE and name in session.attempts:
        return words.about_attempt(
            session.id, session.attempts[name], notice.answer, accept_seconds
        )
    return ()
