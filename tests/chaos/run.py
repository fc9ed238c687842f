"""Chaos and control runs: load, faults, recovery, and the comparison of journals with the log."""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import Event
from typing import Any, Final
from uuid import UUID

from application.checks.notices import check_notices
from application.clock_guard import BEHIND_SECONDS
from application.errors import LogUnavailable
from application.event_log import Recorded, history
from domain import ids
from infrastructure import audit
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.chaos.clients import CheckoutScreen, Client, Journal
from tests.chaos.expiries import UNFINISHED, check_expired, create_due_sessions
from tests.chaos.installation import ChaosInstallation, wait_ready
from tests.chaos.proxy import MODES
from tests.chaos.report import Report

CLIENTS: Final = 8
SETTLE_SECONDS: Final = 90.0
"""Once the faults have ended, every request has a final response within this time."""
RECOVERY_SECONDS_MAX: Final = 30.0
SCREENS_PER_FAULT: Final = 5
CONTROL_KILLS_MIN: Final = 3
CONTROL_KILLS_MAX: Final = 20


def chaos(seed: int, seconds: float) -> Report:
    """One run with every kind of fault."""
    with tempfile.TemporaryDirectory(prefix="qrledger-chaos-") as name:
        home = Path(name)
        installation = ChaosInstallation(home)
        try:
            report = Report(seed, seconds, CLIENTS)
            return _run(installation, home, report, random.Random(seed))
        finally:
            installation.close()


def _run(
    installation: ChaosInstallation, home: Path, report: Report, chance: random.Random
) -> Report:
    for url in installation.apis:
        wait_ready(url)
    due = create_due_sessions(installation, report.seconds)
    clients_stop, screens_stop = Event(), Event()
    journal = Journal(home / "journal.jsonl")
    keys = (installation.merchant_key, installation.wallet_key)
    clients = [Client(installation.apis, keys, journal, clients_stop) for _ in range(CLIENTS)]
    screens: list[CheckoutScreen] = []
    for client in clients:
        client.start()
    until = time.monotonic() + report.seconds
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.3, 1.2))
        _open_screens(clients, screens, screens_stop)
        began = time.monotonic()
        report.faults[_inject_fault(installation, chance)] += 1
        _measure_recovery(journal, began, report)
    faults_ended = time.monotonic()
    _end_faults(installation)
    clients_stop.set()
    for client in clients:
        client.join(max(0.1, faults_ended + SETTLE_SECONDS - time.monotonic()))
        client.abort()
    report.unresolved = sum(client.is_alive() for client in clients)
    _compare_with_log(installation, journal, clients, due, report)
    report.drained_seconds = time.monotonic() - faults_ended
    screens_stop.wait(3)
    screens_stop.set()
    _check_screens(installation, screens, report)
    journal.close()
    return report


def _inject_fault(installation: ChaosInstallation, chance: random.Random) -> str:
    """Inject one fault and end it; returns its kind."""
    kind = chance.choice(["kill", "kill", "stop", "postgres", "network", "network", "clock"])
    if kind == "kill":
        process = chance.choice(installation.processes)
        process.send(signal.SIGKILL)
        time.sleep(chance.uniform(0, 0.5))
        process.start()
        return f"kill -9 {process.name.rstrip('12')}"
    if kind == "stop":
        process = chance.choice(installation.processes)
        process.send(signal.SIGSTOP)
        time.sleep(chance.uniform(0.5, 3))
        process.send(signal.SIGCONT)
        return f"SIGSTOP {process.name.rstrip('12')}"
    if kind == "postgres":
        if chance.random() < 0.3:
            installation.signal_postgres(signal.SIGSTOP)
            time.sleep(chance.uniform(0.5, 3))
            installation.signal_postgres(signal.SIGCONT)
            return "SIGSTOP PostgreSQL"
        installation.kill_postgres()
        return "kill -9 PostgreSQL"
    if kind == "clock":
        seconds = chance.choice([-3600, -5, 3, 30, 0])
        installation.shift_clock(seconds)
        if seconds < -BEHIND_SECONDS:  # nothing is recorded until the clock is right again
            time.sleep(chance.uniform(0.5, 3))
            installation.shift_clock(0)
        return "clock jump"
    mode = chance.choice(MODES[1:])
    installation.proxy.set(mode)
    time.sleep(chance.uniform(0.3, 2))
    installation.proxy.set("forward")
    return mode


def _measure_recovery(journal: Journal, fault_began: float, report: Report) -> None:
    """Time from the beginning of a fault to the first acknowledgement after its end."""
    fault_ended = time.monotonic()
    while time.monotonic() < fault_ended + RECOVERY_SECONDS_MAX:
        later = [at for at in journal.acknowledged_at[-50:] if at > fault_ended]
        if later:
            report.recovery.append(later[0] - fault_began)
            return
        time.sleep(0.02)
    report.violations.append(
        f"no request succeeded within {RECOVERY_SECONDS_MAX:.0f} s of the end of a fault"
    )


def _end_faults(installation: ChaosInstallation) -> None:
    installation.proxy.set("forward")
    installation.signal_postgres(signal.SIGCONT)
    installation.shift_clock(0)
    for process in installation.processes:
        process.send(signal.SIGCONT)
        if process.has_ended:
            process.start()


def _open_screens(clients: list[Client], screens: list[CheckoutScreen], stopping: Event) -> None:
    open_for = {screen.session_id for screen in screens}
    for client in clients[:SCREENS_PER_FAULT]:
        if client.live and client.live[-1][0] not in open_for:
            screen = CheckoutScreen(*client.live[-1], stopping)
            screen.start()
            screens.append(screen)


def _compare_with_log(
    installation: ChaosInstallation,
    journal: Journal,
    clients: list[Client],
    due: set[UUID],
    report: Report,
) -> None:
    log = PostgresLog(ConnectionPool(installation.url, DatabaseRole.READER, size_max=1))
    _wait_for_tasks(log, report)
    _wait_for_read_models(log, report)
    audited = audit.check(installation.url, log)
    report.violations += [str(violation) for violation in audited.violations]
    events = _all_events(log)
    report.violations += check_expired(due, events)
    report.expired = len(due)
    created = {
        ids.encode("ps", e.stream_id)
        for e in events
        if e.topic == "payment_session.created" and e.stream_id not in due
    }
    paid = Counter(
        ids.encode("ps", e.stream_id) for e in events if e.topic == "payment_session.paid"
    )
    acknowledged_paid = {session for client in clients for session, _ in client.paid}
    acknowledged_created = _acknowledged_sessions(journal)
    report.acknowledged = sum(status < 300 for status, _ in journal.responses.values())
    report.lost = len(acknowledged_paid - paid.keys()) + len(acknowledged_created - created)
    if not report.unresolved:
        ours = {session for client in clients for session, _ in client.live}
        report.phantom = len((paid.keys() & ours) - acknowledged_paid)
        report.phantom += len(created - acknowledged_created)
    refunded = Counter(
        ids.encode("ps", e.stream_id) for e in events if e.topic == "refund.succeeded"
    )
    acknowledged_refunds = {session for client in clients for session in client.refunded}
    report.lost += len(acknowledged_refunds - refunded.keys())
    if not report.unresolved:
        report.phantom += len(refunded.keys() - acknowledged_refunds)
    report.duplicate = sum(count > 1 for count in (*paid.values(), *refunded.values()))
    report.indeterminate = len(journal.indeterminate)
    report.had_committed = sum(how == "had committed" for how in journal.resolved.values())
    report.contradicted = len(journal.contradictions)
    log.close()


def _acknowledged_sessions(journal: Journal) -> set[str]:
    responses = list(journal.responses.values())
    return {body["id"] for status, body in responses if status == 201 and "qr" in body}


def _wait_for_tasks(log: PostgresLog, report: Report) -> None:
    until = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < until:
        with log.recorder.connections.connection() as connection:
            if connection.execute(UNFINISHED).fetchone() == (0,):
                return
        time.sleep(0.1)
    report.violations.append(f"tasks were left after {SETTLE_SECONDS:.0f} s")


def _wait_for_read_models(log: PostgresLog, report: Report) -> None:
    until = time.monotonic() + SETTLE_SECONDS
    query = "select min(position) from read_models.tracking"
    while time.monotonic() < until:
        with log.recorder.connections.connection() as connection:
            row = connection.execute(query).fetchone()
        if row and row[0] == log.head():
            return
        time.sleep(0.1)
    report.violations.append(f"the read models did not catch up within {SETTLE_SECONDS:.0f} s")


def _all_events(log: PostgresLog) -> list[Any]:
    events: list[Any] = []
    while page := log.read(len(events), 1000):
        events += page
    return events


def _check_screens(
    installation: ChaosInstallation, screens: list[CheckoutScreen], report: Report
) -> None:
    log = PostgresLog(ConnectionPool(installation.url, DatabaseRole.READER, size_max=1))
    for screen in screens:
        screen.join(5)
        recorded = history(log, ids.decode("ps", screen.session_id))
        # A screen leaves when the session has ended, so it may miss the refunds after that.
        seen = max((message.get("seq", 0) for message in screen.received), default=0)
        expected = [one for one in recorded if one.version <= seen or is_before_refunds(one)]
        violations = check_notices(screen.received, expected)
        report.violations += [str(violation) for violation in violations]
        report.notices += len(screen.received)
    log.close()


def is_before_refunds(recorded: Recorded) -> bool:
    """Whether an event comes before the refunds of its session."""
    return not recorded.topic.startswith("refund.")


def control(seed: int) -> tuple[int, int, int]:
    """Run with `synchronous_commit = off`; returns kills, sessions acknowledged, sessions lost.

    Kills PostgreSQL until an acknowledged session is lost, at most 20 times. If none is ever lost,
    a chaos run that reports no loss proves nothing.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="qrledger-control-") as name:
        home = Path(name)
        installation = ChaosInstallation(home, durable=False)
        stopping = Event()
        journal = Journal(home / "journal.jsonl")
        keys = (installation.merchant_key, installation.wallet_key)
        clients = [Client(installation.apis[:1], keys, journal, stopping) for _ in range(4)]
        kills = lost = 0
        try:
            wait_ready(installation.apis[0])
            for client in clients:
                client.start()
            while kills < CONTROL_KILLS_MAX and (kills < CONTROL_KILLS_MIN or not lost):
                time.sleep(chance.uniform(1, 2))
                acknowledged = _acknowledged_sessions(journal)
                installation.kill_postgres()
                kills += 1
                lost = len(acknowledged - _stored_sessions(installation))
            return kills, len(acknowledged), lost
        finally:
            for client in clients:
                client.abort()
            for client in clients:
                client.join(30)
            journal.close()
            installation.close()


def _stored_sessions(installation: ChaosInstallation) -> set[str]:
    """Ids of the streams in the log, read as soon as PostgreSQL is available again."""
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
