"""Load, malice, healing, judgement; the figures."""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final

from application.checks.notices import check_notices
from application.clock_guard import BEHIND_SECONDS
from application.errors import LogUnavailable
from application.event_log import history
from benchmarks.load import percentile
from domain import ids
from infrastructure import audit
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.chaos.clients import Client, Journal, Watcher
from tests.chaos.installation import ChaosInstallation, wait_ready
from tests.chaos.proxy import MODES

CLIENTS: Final = 8
SETTLE_SECONDS: Final = 90.0
"""Once healed, everything that was asked has its answer by then."""
WATCHED: Final = 5
CONTROL_KILLS_MIN: Final = 3
CONTROL_KILLS_MAX: Final = 20


@dataclass
class Figures:
    """What a run has to show for itself."""

    seed: int
    seconds: float
    faults: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    lost: int = 0
    phantom: int = 0
    duplicate: int = 0
    unsure: int = 0
    had_committed: int = 0
    unresolved: int = 0
    disagreements: int = 0
    recovery: list[float] = field(default_factory=list)
    drained_seconds: float = 0.0
    notices: int = 0
    violations: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        recovery = sorted(self.recovery) or [0.0]
        return [
            f"seed {self.seed}, {self.seconds:.0f} s of load by {CLIENTS} clients, faults: "
            + ", ".join(f"{count} x {name}" for name, count in self.faults.most_common()),
            (
                f"acknowledged {self.acknowledged}, lost {self.lost}, phantom {self.phantom}, "
                f"duplicate {self.duplicate}, contradicted {self.disagreements}"
            ),
            (
                f"indeterminate {self.unsure}: {self.had_committed} had committed, "
                f"{self.unsure - self.had_committed - self.unresolved} were decided later, "
                f"{self.unresolved} never resolved"
            ),
            (
                f"recovery after a fault: p50 {percentile(recovery, 0.5):.2f} s, "
                f"p99 {percentile(recovery, 0.99):.2f} s ({len(self.recovery)} faults)"
            ),
            (
                f"drained in {self.drained_seconds:.1f} s after healing; "
                f"{self.notices} notices checked; {len(self.violations)} violations"
            ),
            *self.violations[:20],
        ]

    @property
    def clean(self) -> bool:
        """Nothing was lost, nothing was told wrongly, nothing is stuck."""
        wrong = (self.lost, self.phantom, self.duplicate, self.unresolved, self.disagreements)
        return not any(wrong) and not self.violations


def chaos(seed: int, seconds: float) -> Figures:
    """One run with every kind of fault."""
    with tempfile.TemporaryDirectory(prefix="qrledger-chaos-") as name:
        home = Path(name)
        installation = ChaosInstallation(home)
        try:
            return _run(installation, home, Figures(seed, seconds), random.Random(seed))
        finally:
            installation.close()


def _run(
    installation: ChaosInstallation, home: Path, figures: Figures, chance: random.Random
) -> Figures:
    for url in installation.apis:
        wait_ready(url)
    stop, all_over = Event(), Event()
    journal = Journal(home / "journal.jsonl")
    keys = (installation.merchant_key, installation.wallet_key)
    clients = [Client(installation.apis, keys, journal, stop) for _ in range(CLIENTS)]
    watchers: list[Watcher] = []
    for client in clients:
        client.start()
    until = time.monotonic() + figures.seconds
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.3, 1.2))
        _watch_some(clients, watchers, all_over)
        struck = time.monotonic()
        figures.faults[_strike(installation, chance)] += 1
        _recovered(journal, struck, figures)
    healed = time.monotonic()
    _heal(installation)
    stop.set()
    for client in clients:
        client.join(max(0.1, healed + SETTLE_SECONDS - time.monotonic()))
        client.give_up()
    figures.unresolved = sum(client.is_alive() for client in clients)
    _judge(installation, journal, clients, figures)
    figures.drained_seconds = time.monotonic() - healed
    all_over.wait(3)
    all_over.set()
    _judge_notices(installation, watchers, figures)
    journal.close()
    return figures


def _strike(installation: ChaosInstallation, chance: random.Random) -> str:
    """One fault, from beginning to end."""
    kind = chance.choice(["kill", "kill", "stop", "postgres", "network", "network", "clock"])
    if kind == "kill":
        victim = chance.choice(installation.processes)
        victim.send(signal.SIGKILL)
        time.sleep(chance.uniform(0, 0.5))
        victim.start()
        return f"kill -9 {victim.name.rstrip('12')}"
    if kind == "stop":
        victim = chance.choice(installation.processes)
        victim.send(signal.SIGSTOP)
        time.sleep(chance.uniform(0.5, 3))
        victim.send(signal.SIGCONT)
        return f"stop {victim.name.rstrip('12')}"
    if kind == "postgres":
        if chance.random() < 0.3:
            installation.signal_postgres(signal.SIGSTOP)
            time.sleep(chance.uniform(0.5, 3))
            installation.signal_postgres(signal.SIGCONT)
            return "stop PostgreSQL"
        installation.kill_postgres()
        return "kill -9 PostgreSQL"
    if kind == "clock":
        seconds = chance.choice([-3600, -5, 3, 30, 0])
        installation.jump(seconds)
        if seconds < -BEHIND_SECONDS:  # nothing is recorded until the clock is right again
            time.sleep(chance.uniform(0.5, 3))
            installation.jump(0)
        return "clock jump"
    mode = chance.choice(MODES[1:])
    installation.proxy.set(mode)
    time.sleep(chance.uniform(0.3, 2))
    installation.proxy.set("pass")
    return mode


def _recovered(journal: Journal, struck: float, figures: Figures) -> None:
    """How long until somebody was served again, counted from the beginning of the fault."""
    seen = time.monotonic()
    while time.monotonic() < seen + 30:
        later = [at for at in journal.acknowledged_at[-50:] if at > seen]
        if later:
            figures.recovery.append(later[0] - struck)
            return
        time.sleep(0.02)
    figures.violations.append("nobody was served for 30 s after a fault")


def _heal(installation: ChaosInstallation) -> None:
    installation.proxy.set("pass")
    installation.signal_postgres(signal.SIGCONT)
    installation.jump(0)
    for process in installation.processes:
        process.send(signal.SIGCONT)
        if process.dead:
            process.start()


def _watch_some(clients: list[Client], watchers: list[Watcher], over: Event) -> None:
    known = {watcher.session_id for watcher in watchers}
    for client in clients[:WATCHED]:
        if client.live and client.live[-1][0] not in known:
            watcher = Watcher(*client.live[-1], over)
            watcher.start()
            watchers.append(watcher)


def _judge(
    installation: ChaosInstallation, journal: Journal, clients: list[Client], figures: Figures
) -> None:
    log = PostgresLog(ConnectionPool(installation.url, DatabaseRole.READER, size_max=1))
    _until_caught_up(log, figures)
    report = audit.check(installation.url, log)
    figures.violations += [str(violation) for violation in report.violations]
    events = _all_events(log)
    sessions = {ids.encode("ps", e.stream_id): e for e in events if e.topic.endswith("n.created")}
    paid = Counter(ids.encode("ps", e.stream_id) for e in events if e.topic.endswith("n.paid"))
    acknowledged = {session for client in clients for session, _ in client.paid}
    made = {a["id"] for status, a in journal.told.values() if status == 201 and "qr" in a}
    figures.acknowledged = sum(status < 300 for status, _ in journal.told.values())
    figures.lost = len(acknowledged - paid.keys()) + len(made - sessions.keys())
    asked = {session for client in clients for session, _ in client.live}
    figures.phantom = len((paid.keys() & asked) - acknowledged) if not figures.unresolved else 0
    figures.phantom += len(sessions.keys() - made) if not figures.unresolved else 0
    figures.duplicate = sum(count > 1 for count in paid.values())
    figures.unsure = len(journal.unsure)
    figures.had_committed = sum(word == "had committed" for word in journal.resolved.values())
    figures.disagreements = len(journal.disagreements)
    log.close()


def _until_caught_up(log: PostgresLog, figures: Figures) -> None:
    until = time.monotonic() + SETTLE_SECONDS
    query = "select min(position) from read_models.tracking"
    while time.monotonic() < until:
        with log.recorder.connections.connection() as connection:
            row = connection.execute(query).fetchone()
        if row and row[0] == log.head():
            return
        time.sleep(0.1)
    figures.violations.append("the read models never caught up")


def _all_events(log: PostgresLog) -> list[Any]:
    events: list[Any] = []
    while page := log.read(len(events), 1000):
        events += page
    return events


def _judge_notices(
    installation: ChaosInstallation, watchers: list[Watcher], figures: Figures
) -> None:
    log = PostgresLog(ConnectionPool(installation.url, DatabaseRole.READER, size_max=1))
    for watcher in watchers:
        watcher.join(5)
        told = history(log, ids.decode("ps", watcher.session_id))
        figures.violations += [str(one) for one in check_notices(watcher.heard, told)]
        figures.notices += len(watcher.heard)
    log.close()


def control(seed: int) -> tuple[int, int, int]:
    """`synchronous_commit = off`: kills, sessions acknowledged, sessions lost.

    Kills PostgreSQL until something is lost, at most 20 times: if nothing ever is, this judge
    would not have noticed a loss.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="qrledger-control-") as name:
        home = Path(name)
        installation = ChaosInstallation(home, durable=False)
        stop = Event()
        journal = Journal(home / "journal.jsonl")
        keys = (installation.merchant_key, installation.wallet_key)
        clients = [Client(installation.apis[:1], keys, journal, stop) for _ in range(4)]
        kills = lost = 0
        try:
            wait_ready(installation.apis[0])
            for client in clients:
                client.start()
            while kills < CONTROL_KILLS_MAX and (kills < CONTROL_KILLS_MIN or not lost):
                time.sleep(chance.uniform(1, 2))
                made = {a["id"] for st, a in list(journal.told.values()) if st == 201 and "qr" in a}
                installation.kill_postgres()
                kills += 1
                lost = len(made - _kept(installation))
            return kills, len(made), lost
        finally:
            for client in clients:
                client.give_up()
            for client in clients:
                client.join(30)
            journal.close()
            installation.close()


def _kept(installation: ChaosInstallation) -> set[str]:
    """The sessions that are in the log, once it answers again."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        log = PostgresLog(ConnectionPool(installation.url, DatabaseRole.READER, size_max=1))
        try:
            return {ids.encode("ps", e.stream_id) for e in _all_events(log)}
        except LogUnavailable:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        finally:
            log.close()
