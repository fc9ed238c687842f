"""Which answered commands are recorded as refusals, and how many of them at a time.

The writer adds what it has answered, so that no answer waits, and takes commands that ride in its
next batch. Their number is bounded here; each is recorded once, by an id that is derived from the
refused command's. They live in memory: what is dropped, or lost with the process, stays unrecorded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import Final

from application.command import Envelope, Outcome, Result
from application.commands.pay_session import PaySession
from application.commands.record_refusal import RecordRefusal
from application.commands.scan_session import ScanSession
from application.commands.start_attempt import StartAttempt
from application.errors import Overloaded
from application.ports.metrics import Metrics, NoMetrics
from application.queue import ResultCallback
from domain import ids
from domain.errors import LedgerError
from domain.sessions.refusals import LOST, Action, SessionRefusals

REFUSALS_IN_PROGRESS_MAX: Final = 256
"""How many refusals of one process may wait to be recorded."""
REFUSALS_PER_BATCH_MAX: Final = 32
"""How many of them ride in one batch with payments."""
OUTCOMES: Final = ("recorded", "skipped", "dropped")
"""Skipped: decided again, and nothing had to be recorded. Dropped: not decided again."""


class RefusalRecording:
    """Turns answers into commands that record them.

    Any thread may add and finish; the writer takes and drops under its lock.
    """

    def __init__(
        self, metrics: Metrics | None = None, *, in_progress_max: int = REFUSALS_IN_PROGRESS_MAX
    ) -> None:
        self._metrics = metrics if metrics is not None else NoMetrics()
        self._in_progress_max = in_progress_max
        self._in_progress = 0
        """Those that wait, and those that were taken and have no result."""
        self._waiting: deque[tuple[Envelope, ResultCallback]] = deque()
        self._lock = Lock()

    def add(self, answered: Iterable[tuple[Envelope, Result]]) -> None:
        """Note what these answers refused; drops what is too many."""
        for envelope, result in answered:
            if not isinstance(result, LedgerError) or result.replayed:
                continue
            command = _recording(envelope, result.code)
            if command is not None and self._begin():
                recording = Envelope(
                    command=command,
                    command_id=ids.derive("refusal", envelope.command_id.bytes),
                    actor=envelope.actor,
                    trace_id=envelope.trace_id,
                )
                self._waiting.append((recording, self._finish))

    @property
    def waiting(self) -> bool:
        """Whether any is to be recorded."""
        return bool(self._waiting)

    def take(self) -> list[tuple[Envelope, ResultCallback]]:
        """The next commands to run, at most 32, each with the callback for its result."""
        count = min(len(self._waiting), REFUSALS_PER_BATCH_MAX)
        return [self._waiting.popleft() for _ in range(count)]

    def drop(self) -> None:
        """Give up what waits."""
        while self._waiting:
            _, finish = self._waiting.popleft()
            finish(Overloaded(reason="the process is stopping"))

    def _begin(self) -> bool:
        with self._lock:
            admitted = self._in_progress < self._in_progress_max
            self._in_progress += admitted
        if not admitted:
            self._metrics.refusal_settled("dropped")
        return admitted

    def _finish(self, result: Result) -> None:
        with self._lock:
            self._in_progress -= 1
        if not isinstance(result, Outcome):
            self._metrics.refusal_settled("dropped")
            return
        recorded = isinstance(result.subject, SessionRefusals) and not result.replayed
        self._metrics.refusal_settled("recorded" if recorded else "skipped")


def _recording(envelope: Envelope, code: str) -> RecordRefusal | None:
    """The command that records a refusal; None if nobody would dispute it."""
    command = envelope.command
    if not isinstance(command, ScanSession | PaySession | StartAttempt):
        return None
    action = Action.SCAN if isinstance(command, ScanSession) else Action.PAY
    if code not in LOST[action] or command.wallet_id is None:
        return None
    return RecordRefusal(
        refused=command,
        refused_command_id=envelope.command_id,
        answered_code=code,
        action=action,
        session_id=command.session_id,
        wallet_id=command.wallet_id,
        wallet_app_id=command.wallet_app_id,
    )
