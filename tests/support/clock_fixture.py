"""A live ledger whose clock the test controls, on the memory log and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from application.bus import Bus
from application.clock_guard import ClockGuard, ClockState, offset_to_accept
from application.commands.accept_clock import AcceptClock
from application.event_log import AppendRequest, EventLog, Verdict
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog

AT = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = 400 * 86_400.0
MINUTE, HOUR = 60.0, 3600.0


class ClockFixture:
    """A live ledger, the time that has passed, and the error of the server's clock."""

    log: EventLog

    def __init__(self, make: Callable[[ClockGuard], EventLog], store: Any) -> None:
        self.seconds = 0.0
        self.skew = 0.0
        self._make = make
        self._store = store
        self.tick(0)
        self.restart()
        self.ledger = LedgerFixture(self.log)

    def tick(self, seconds: float) -> None:
        """Time passes for the server and the process, suspended or not."""
        self.seconds += seconds
        self._store.set(AT + timedelta(seconds=self.seconds + self.skew))

    def jump(self, seconds: float) -> None:
        """Add to the error of the server's clock."""
        self.skew += seconds
        self.tick(0)

    def new_process(self, own_clock: float = 0.0) -> EventLog:
        """The log in another process, which has no witness of the time yet."""
        return self._make(ClockGuard(elapsed=lambda: self.seconds + own_clock))

    def restart(self) -> None:
        """Restart the process."""
        self.log = self.new_process()
        if hasattr(self, "ledger"):
            self.ledger = LedgerFixture(self.log, like=self.ledger)

    def accept(self) -> timedelta | None:
        """`qrledger clock accept`, in a process of its own."""
        log = self.new_process()
        offset = offset_to_accept(log.clock_state())
        if offset is not None:
            command = AcceptClock(acceptance_id=uuid7(), offset=offset)
            Bus(log).send(envelope(command))
        return offset

    def create(self) -> str:
        """Create a session; returns `ok` or the code of the refusal."""
        result = self.ledger.try_send(self.ledger.create(expires_in_seconds=900))
        return result if isinstance(result, str) else "ok"

    def status(self, session: UUID) -> Status:
        """The status of a session as read now."""
        loaded = self.log.load({session: 0}, [])
        state: Any = None
        for recorded in loaded.events:
            state = recorded.event.mutate(state)
        assert isinstance(state, PaymentSession)
        return state.status_at(loaded.now)

    @property
    def last(self) -> float:
        """Seconds from the start to the last recorded time."""
        recorded = self.log.read(self.log.head() - 1, 1)[0]
        return (recorded.recorded_at - AT).total_seconds()


class SharedMemoryLog:
    """One memory log as used by several processes."""

    def __init__(self, log: MemoryLog, guard: ClockGuard) -> None:
        self._log, self._guard = log, guard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def load(self, streams: Any, receipts: Any) -> Any:
        return self._log.load_as(self._guard, streams, receipts)

    def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
        return self._log.append_as(self._guard, batch)

    def now(self) -> datetime:
        return self.clock_state().now

    def clock_state(self) -> ClockState:
        return self._log.state_as(self._guard)


class MemoryStore:
    """A memory log whose clock can be set."""

    def __init__(self) -> None:
        self.log = MemoryLog(live=True)

    def set(self, at: datetime) -> None:
        self.log.clock = at
