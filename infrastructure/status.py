"""The state of the ledger as `qrledger status` shows it: ready or not, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from application.clock_guard import ClockGuard
from domain import times
from infrastructure.health import ReadLags, read_health
from infrastructure.postgres import deadline, migrate
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.postgres.failures import reason_of
from infrastructure.task_counts import read_task_counts
from infrastructure.workers.leadership import has_leader
from infrastructure.workers.loops import loop_states

QUERY_SECONDS: Final = 5.0
"""How long the queries may take in total."""
_COUNTED: Final = ("due", "late", "retried", "parked")


@dataclass(slots=True, kw_only=True)
class Status:
    """The state of the ledger. Parts that could not be read are None or empty."""

    problems: list[str] = field(default_factory=list)
    """Why the ledger is not ready, as phrases; empty when it is ready."""
    mode: str | None = None
    position: int | None = None
    """The last position of the log."""
    read_models: list[dict[str, Any]] = field(default_factory=list)
    worker_leads: bool | None = None
    loops: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    clock: dict[str, Any] | None = None
    processors: list[str] = field(default_factory=list)
    """Those that the settings configure; what merchants have enabled beyond them is not offered."""

    @property
    def ready(self) -> bool:
        """Whether `/readyz` would return 200."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The status as primitives."""
        return {"ready": self.ready, **asdict(self)}

    def lines(self) -> list[str]:
        """The status as text, one fact per line."""
        facts = [("ready", "yes" if self.ready else "no: " + "; ".join(self.problems))]
        if self.position is not None:
            facts.append(("log", f"{self.mode} ledger, head at position {self.position}"))
        for model in self.read_models:
            behind = f"{model['events']} events and {model['seconds']} s behind"
            lag = "never built" if model["seconds"] is None else behind
            facts.append((f"  {model['name']}", f"position {model['position']}, {lag}"))
        if self.worker_leads is not None:
            facts.append(("worker", "running" if self.worker_leads else "none is running"))
        for loop in self.loops:
            halt = f"halted since {loop['halted_since']} ({loop['reason']})"
            facts.append((f"  {loop['name']}", halt if loop["halted_since"] else "running"))
        if self.tasks:
            facts.append(("tasks", "parked ones wait for a person: see `qrledger tasks list`"))
        for tasks in self.tasks:
            counts = ", ".join(f"{tasks[name]} {name}" for name in _COUNTED)
            oldest = f", the oldest for {tasks['oldest_seconds']} s" if tasks["due"] else ""
            facts.append((f"  {tasks['process']}", f"{counts}{oldest}"))
        facts.append(("processors", ", ".join(self.processors) or "none is configured"))
        if self.clock is not None:
            doubt = f", in doubt: {self.clock['doubt']}" if self.clock["doubt"] else ""
            seconds = self.clock["advanced_seconds"]
            advanced = f", advanced by {timedelta(seconds=seconds)}" if seconds else ""
            facts.append(("clock", f"{self.clock['now']}{advanced}{doubt}"))
        width = 2 + max(len(name) for name, _ in facts)
        return [f"{name:<{width}}{value}" for name, value in facts]


def read_status(url: str, mode: str, read_lags: ReadLags, *, processors: Sequence[str]) -> Status:
    """Query the database, within about 10 s. A database error is a problem of the status.

    Args:
        url: the database.
        mode: `live` or `test`, as the settings say.
        read_lags: reads the lags of the read models.
        processors: the names of those that the settings configure.
    """
    status = Status(processors=list(processors))
    try:
        status.mode = migrate.check(url)
        if status.mode != mode:
            status.problems.append(str(migrate.wrong_mode(status.mode, mode)))
        with (
            connect(url, DatabaseRole.READER) as connection,
            deadline.limit(connection, QUERY_SECONDS),
        ):
            _fill(status, connection, read_lags)
    except migrate.DatabaseNotReady as error:
        status.problems.append(str(error))
    except psycopg.Error as error:
        status.problems.append(f"the database cannot be queried: {reason_of(error)}")
    return status


def _fill(status: Status, connection: Connection[TupleRow], read_lags: ReadLags) -> None:
    health = read_health(connection, ClockGuard(), read_lags)
    status.position = health.position
    status.problems += health.unready
    status.read_models = [
        {
            "name": lag.name,
            "position": lag.position,
            "events": lag.events,
            "seconds": round(lag.seconds, 3) if math.isfinite(lag.seconds) else None,
        }
        for lag in health.lags
    ]
    status.worker_leads = has_leader(connection)
    status.loops = [
        {"name": loop.name, "halted_since": _text(loop.halted_since), "reason": loop.reason}
        for loop in loop_states(connection)
    ]
    status.tasks = [
        {
            "process": tasks.process,
            **{name: getattr(tasks, name) for name in _COUNTED},
            "oldest_seconds": round(tasks.oldest_seconds, 3),
            "next_at": _text(tasks.next_at),
        }
        for tasks in read_task_counts(connection, health.clock.now)
    ]
    status.clock = {
        "now": times.to_text(health.clock.now),
        "doubt": health.clock.doubt,
        "advanced_seconds": health.clock.reading.advanced_seconds,
    }


def _text(at: datetime | None) -> str | None:
    return times.to_text(at) if at else None
