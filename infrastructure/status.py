"""What `qrledger status` tells: whether the ledger is ready, and if not, what keeps it from it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from application.clock_guard import ClockGuard
from domain import times
from infrastructure.health import health
from infrastructure.postgres import deadline, migrate
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.workers.loops import loop_states
from infrastructure.workers.supervisor import LEADER_KEY

ANSWER_SECONDS: Final = 5.0
"""How long the database may take to tell."""


@dataclass(slots=True, kw_only=True)
class Status:
    """How the ledger stands. Absent parts (None, empty) could not be learnt."""

    problems: list[str] = field(default_factory=list)
    """What keeps it from being ready, in words; empty when it is ready."""
    mode: str | None = None
    position: int | None = None
    """The last position of the log."""
    read_models: list[dict[str, Any]] = field(default_factory=list)
    worker_leads: bool | None = None
    loops: list[dict[str, Any]] = field(default_factory=list)
    expiry_timers: dict[str, Any] | None = None
    clock: dict[str, Any] | None = None

    @property
    def ready(self) -> bool:
        """Whether `/readyz` would answer 200."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """The same as primitives."""
        return {"ready": self.ready, **asdict(self)}

    def lines(self) -> list[str]:
        """The same for people, one fact a line."""
        found = [("ready", "yes" if self.ready else "no: " + "; ".join(self.problems))]
        if self.position is not None:
            found.append(("log", f"{self.mode} ledger, head at position {self.position}"))
        for model in self.read_models:
            behind = f"{model['events']} events and {model['seconds']} s behind"
            told = "never built" if model["seconds"] is None else behind
            found.append((f"  {model['name']}", f"position {model['position']}, {told}"))
        if self.worker_leads is not None:
            found.append(("worker", "one leads" if self.worker_leads else "none leads"))
        for loop in self.loops:
            since = f"halted since {loop['halted_since']} ({loop['reason']})"
            found.append((f"  {loop['name']}", since if loop["halted_since"] else "goes on"))
        if self.expiry_timers is not None:
            timers = self.expiry_timers
            found.append(("expiry timers", f"{timers['due']} due of {timers['all']}"))
        if self.clock is not None:
            doubt = f", in doubt: {self.clock['doubt']}" if self.clock["doubt"] else ""
            found.append(("clock", f"{self.clock['now']}{doubt}"))
        return [f"{name:<18}{told}" for name, told in found]


def status(url: str, mode: str) -> Status:
    """Ask the database, within about 10 s; `mode` is what the settings say. Never raises for it."""
    found = Status()
    try:
        found.mode = migrate.check(url)
        if found.mode != mode:
            found.problems.append(f"this is a {found.mode} ledger, QRLEDGER_MODE says {mode}")
        with (
            connect(url, DatabaseRole.READER) as connection,
            deadline.limit(connection, ANSWER_SECONDS),
        ):
            _ask(connection, found)
    except migrate.DatabaseNotReady as error:
        found.problems.append(str(error))
    except psycopg.Error as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        found.problems.append(f"the database cannot be asked: {lines[-1]}")
    return found


def _ask(connection: Connection[TupleRow], found: Status) -> None:
    known = health(connection, ClockGuard())
    found.position = known.position
    found.problems += known.unready
    found.read_models = [
        {
            "name": lag.name,
            "position": lag.position,
            "events": lag.events,
            "seconds": round(lag.seconds, 3) if math.isfinite(lag.seconds) else None,
        }
        for lag in known.lags
    ]
    found.worker_leads = _worker_leads(connection)
    found.loops = [
        {"name": loop.name, "halted_since": _text(loop.halted_since), "reason": loop.reason}
        for loop in loop_states(connection)
    ]
    found.expiry_timers = _expiry_timers(connection)
    found.clock = {"now": times.to_text(known.clock.now), "doubt": known.clock.doubt}


def _worker_leads(connection: Connection[TupleRow]) -> bool:
    """Whether a worker of this database holds the lock of `workers.supervisor.lead`."""
    query = (
        "select exists (select from pg_locks where locktype = 'advisory' and granted "
        "and database = (select oid from pg_database where datname = current_database()) "
        "and classid = %s and objid = %s and objsubid = 1)"
    )
    row = connection.execute(query, (LEADER_KEY >> 32, LEADER_KEY & 0xFFFFFFFF)).fetchone()
    return bool(row and row[0])


def _expiry_timers(connection: Connection[TupleRow]) -> dict[str, Any]:
    query = (
        "select count(*) filter (where due_at <= ledger.now()), count(*), min(due_at) "
        "from ledger.due where kind = 'expiry'"
    )
    [(due, every, first)] = connection.execute(query).fetchall()
    return {"due": due, "all": every, "next_at": _text(first)}


def _text(at: datetime | None) -> str | None:
    return times.to_text(at) if at else None
