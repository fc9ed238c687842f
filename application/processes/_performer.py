"""Performs the due tasks of one process: claim, perform, send the commands, settle.

Each step may be the last one of a worker that dies. Whatever was not settled is claimed again when
its lease has ended, performed under the same key, and sends its commands under the same ids, of
which the log records each once: the first that was recorded counts.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from application.bus import Bus
from application.clock_guard import ClockState
from application.command import Envelope
from application.ports.metrics import Metrics, NoMetrics
from application.ports.tasks import (
    ClaimedTask,
    Finished,
    Parked,
    Retried,
    Settlement,
    TaskStore,
)
from application.processes._throttle import Throttle
from application.processes.process import (
    DONE_COMMANDS_MAX,
    DONE_TASKS_MAX,
    Done,
    Park,
    Process,
    Result,
    Retry,
    Task,
)
from domain import ids
from domain.errors import ErrorKind, LedgerError

BATCH_COMMANDS_MAX: Final = 256
"""Commands per append."""
AFTER_MAX: Final = timedelta(days=1)
"""The longest wait that somebody outside may ask for."""
DOUBLINGS_MAX: Final = 60
"""Of the backoff: more would exceed any limit."""

_log = logging.getLogger(__name__)


class InvalidResult(Exception):
    """`perform` has returned what cannot be settled: a mistake of its process."""


class RefusedForNow(Retry):
    """A retry because the ledger itself refused a command for the moment."""


_OUTCOMES: Final = {Finished: "done", Retried: "retried", Parked: "parked"}


class Performer:
    """Performs tasks of one process. Not thread-safe: one for each thread, with its own bus."""

    def __init__(
        self,
        process: Process,
        store: TaskStore,
        bus: Bus,
        *,
        throttle: Throttle,
        clock_state: Callable[[], ClockState],
        new_id: Callable[[], UUID],
        random: Random,
        metrics: Metrics | None = None,
    ) -> None:
        """Perform tasks of a process.

        Args:
            process: performs the tasks.
            store: keeps them.
            bus: takes their commands.
            throttle: the budget and breaker of the process, shared by its performers.
            clock_state: the ledger's time and whether it is in doubt.
            new_id: makes the tokens of leases.
            random: spreads the backoff.
            metrics: counts the results.
        """
        self._process = process
        self._store = store
        self._bus = bus
        self._throttle = throttle
        self._clock_state = clock_state
        self._new_id = new_id
        self._random = random
        self._metrics = metrics if metrics is not None else NoMetrics()

    def run_once(self) -> int:
        """Run one batch of due tasks; returns their number.

        Does nothing while the clock is in doubt, as nothing could be recorded, and while the
        breaker is open.

        Raises:
            LogUnavailable: the clock could not be read.
        """
        clock = self._clock_state()
        if clock.doubt:
            return 0
        process, policy, token = self._process.name, self._process.retry, self._new_id()
        with self._throttle.turn() as turn:
            if not turn.tasks_max:
                return 0
            claimed = self._store.claim(
                process,
                now=clock.now,
                tasks_max=turn.tasks_max,
                repeats_max=turn.repeats_max,
                lease_seconds=policy.lease_seconds,
                token=token,
            )
            if not claimed:
                return 0
            turn.repeats = sum(one.attempts > 1 for one in claimed)
            quick = [one for one in claimed if self._process.is_quick(one.task)]
            last = [one for one in claimed if not self._process.is_quick(one.task)] or quick
            results: list[Result] = []
            if last is not quick and quick:
                results = self._send(quick, self._perform_all(quick))
                self._settle(token, quick, results, clock.now)
            ended = self._send(last, self._perform_all(last))
            turn.failures = [isinstance(result, Retry) for result in (*results, *ended)]
        self._settle(token, last, ended, clock.now)
        return len(claimed)

    # Perform.

    def _perform_all(self, claimed: Sequence[ClaimedTask]) -> list[Result]:
        """Perform the tasks, except those whose every attempt has ended without a result."""
        attempts_max = self._process.retry.attempts_max
        results: list[Result] = [Park(reason="no attempt has ended with a result")] * len(claimed)
        alive = [number for number, one in enumerate(claimed) if one.attempts <= attempts_max]
        performed = self._perform([claimed[number].task for number in alive])
        for number, result in zip(alive, performed, strict=True):
            results[number] = result
        return results

    def _perform(self, tasks: Sequence[Task]) -> list[Result]:
        """Perform tasks together; after an exception one by one, so that one fails no other."""
        if not tasks:
            return []
        try:
            results = list(self._process.perform(tasks))
            _check(tasks, results)
        except Exception as error:  # noqa: BLE001 - one task, or one batch, must not end the loop
            if len(tasks) > 1:
                return [result for task in tasks for result in self._perform([task])]
            _log.exception("%s failed to perform %r", self._process.name, tasks[0].key)
            return [Retry(reason=type(error).__name__)]
        return results

    # Send.

    def _send(self, claimed: Sequence[ClaimedTask], results: Sequence[Result]) -> list[Result]:
        """Send the commands of finished tasks; returns what becomes of the tasks by the answers."""
        name = self._process.name
        envelopes: list[Envelope] = []
        senders: list[int] = []
        for number, (one, result) in enumerate(zip(claimed, results, strict=True)):
            commands = result.commands if isinstance(result, Done) else ()
            for index, command in enumerate(commands):
                command_id = ids.derive("task", name, one.task.key, str(index))
                envelopes.append(Envelope(command=command, command_id=command_id, actor=name))
                senders.append(number)
        answered = list(results)
        for start in range(0, len(envelopes), BATCH_COMMANDS_MAX):
            end = start + BATCH_COMMANDS_MAX
            answers = self._bus.send_all(envelopes[start:end])
            for number, answer in zip(senders[start:end], answers, strict=True):
                if isinstance(answer, LedgerError):
                    key = claimed[number].task.key
                    answered[number] = self._refused(key, answered[number], answer)
        return answered

    def _refused(self, key: str, result: Result, refusal: LedgerError) -> Result:
        """What becomes of a task one of whose commands was refused.

        A refusal that may end repeats the task; our own failure parks it, as nothing may be lost;
        any other is final and leaves the task as it was settled.
        """
        if not isinstance(result, Retry | Park):
            if refusal.transient:
                return RefusedForNow(reason=refusal.code)
            if refusal.kind is ErrorKind.INTERNAL:
                return Park(reason=refusal.code)
        _log.warning("%s of %s: %s", self._process.name, key, refusal.code)
        self._metrics.tasks_settled(process=self._process.name, outcome="refused", tasks=1)
        return result

    # Settle.

    def _settle(
        self,
        token: UUID,
        claimed: Sequence[ClaimedTask],
        results: Sequence[Result],
        now: datetime,
    ) -> None:
        """Settle under the lease; count what was settled."""
        if any(isinstance(result, Retry) for result in results):
            now = self._clock_state().now  # the calls took time
        settlements = [
            self._settlement(one, result, now) for one, result in zip(claimed, results, strict=True)
        ]
        settled = self._store.settle(self._process.name, token, settlements)
        counts = Counter(
            _OUTCOMES[type(one)] if one.key in settled else "lost" for one in settlements
        )
        for outcome, tasks in counts.items():
            self._metrics.tasks_settled(process=self._process.name, outcome=outcome, tasks=tasks)

    def _settlement(self, one: ClaimedTask, result: Result, now: datetime) -> Settlement:
        key, policy = one.task.key, self._process.retry
        if isinstance(result, Done):
            return Finished(key, result.tasks)
        if isinstance(result, Park):
            _log.warning("%s parks %s: %s", self._process.name, key, result.reason)
            return Parked(key, result.reason)
        attempts = one.attempts
        if isinstance(result, RefusedForNow):
            attempts = min(attempts, policy.attempts_max - 1)
        elif attempts >= policy.attempts_max:
            _log.warning(
                "%s parks %s after %d attempts: %s",
                self._process.name,
                key,
                attempts,
                result.reason,
            )
            return Parked(key, result.reason)
        longest = min(
            policy.seconds_max, policy.first_seconds * 2 ** min(attempts, DOUBLINGS_MAX) / 2
        )
        wait = timedelta(seconds=self._random.uniform(0, longest))
        if result.after is not None:
            wait = max(wait, min(result.after, AFTER_MAX))
        return Retried(key, now + wait, attempts, result.reason)


def _check(tasks: Sequence[Task], results: Sequence[object]) -> None:
    """Check what `perform` has returned.

    Raises:
        InvalidResult: another number of results, or one beyond the limits of `Done`.
    """
    if len(results) != len(tasks):
        msg = f"{len(results)} results for {len(tasks)} tasks"
        raise InvalidResult(msg)
    for result in results:
        if isinstance(result, Done):
            if len(result.commands) > DONE_COMMANDS_MAX or len(result.tasks) > DONE_TASKS_MAX:
                msg = "a result has too many commands or further tasks"
                raise InvalidResult(msg)
        elif not isinstance(result, Retry | Park):
            msg = f"{type(result).__name__} is no result"
            raise InvalidResult(msg)
