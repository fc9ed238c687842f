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
        try:
            session = self._reader.get(PaymentSession, session_id, "payment session").state
        except NotFound:
            return self._unmatched(task, processor, notice)
        payment, attempt = session.payment, session.attempts.get(name)
        if notice.subject is Subject.DISPUTE:  # about money that has paid, or may still pay
            concerned = payment is not None and payment.attempt_id == name
            if not concerned and attempt is not None and attempt.active:
                return self._unmatched(task, processor, notice, for_ever=True)
        else:
            concerned = attempt is not None or name in session.refunds
        if not concerned:
            return self._unmatched(task, processor, notice)
        return Done(commands=_commands(notice, session, name, self._late_money_seconds))

    def _unmatched(
        self, task: Task, processor: str, notice: Notice, *, for_ever: bool = False
    ) -> Result:
        """Wait; at most 72 h, unless it is about an attempt, which no time ends."""
        now = max(self._reader.clock.now(), task.due_at)  # a test clock may have been advanced
        first = task.payload.get("first_at") or times.to_text(now)
        if for_ever or now + PAUSE <= times.from_text(first) + WAITS:
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
