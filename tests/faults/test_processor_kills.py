"""A worker that is killed between any two steps of a payment, and links that are cut: one charge."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from random import Random
from threading import Event
from typing import Final
from uuid import UUID

import pytest

from application.commands.set_processors import SetProcessors
from application.commands.start_attempt import StartAttempt
from application.event_log import history
from application.processes.payments import Payments
from application.processes.processor_refunds import ProcessorRefunds
from application.processes.status_checks import StatusChecks
from application.reader import Reader
from domain.money.money import Money
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.attempts import PostgresAttemptNotes
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.tasks import PostgresTasks
from infrastructure.processors.generic_psp import GenericPsp
from infrastructure.processors.outbound import Outbound
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_notes import return_address
from tests.support.postgres import rows
from tests.support.reference_psp import SECRET, ReferencePsp, serving
from tests.support.task_fixture import STEPS, Worker

pytestmark = [pytest.mark.faults, pytest.mark.postgres]

ROUNDS: Final = 12
WAIT_SECONDS: Final = 90.0
PROGRAM: Final = [sys.executable, "-c", "from infrastructure.cli import main; main()"]
PROCESSES: Final = "('payments', 'status_checks', 'processor_refunds')"


@pytest.fixture
def psp() -> Iterator[ReferencePsp]:
    with serving(ReferencePsp()) as running:
        yield running


@pytest.fixture
def workers(
    database_url: str, postgres_log: PostgresLog, psp: ReferencePsp
) -> Iterator[list[Worker]]:
    """The workers of a payment on PostgreSQL, which call the PSP over HTTP."""
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=2)
    nonces = (f"{number:032x}" for number in count(1))
    processor = GenericPsp(
        psp.base_url, SECRET, new_nonce=lambda: next(nonces), outbound=Outbound(seconds_max=5)
    )
    processors, notes = {"psp": processor}, PostgresAttemptNotes(pool.connection)
    reader, store = Reader(postgres_log), PostgresTasks(pool)
    processes = (
        Payments(processors, notes, reader, return_address),
        StatusChecks(processors, notes, reader, return_address),
        ProcessorRefunds(processors, reader),
    )
    yield [Worker(one, store, postgres_log, random=Random(1)) for one in processes]
    pool.close()


def start(ledger: LedgerFixture) -> UUID:
    """A session of 12.00, and an attempt to pay it through the PSP."""
    ledger.send(SetProcessors(merchant_id=ledger.merchant_id, processors=("psp",)))
    session_id = ledger.create_session(amount=Money(1200, "USD"))
    attempt_id = ledger.new_id()
    ledger.send(StartAttempt(attempt_id=attempt_id, session_id=session_id, processor="psp"))
    return session_id


def hurry(url: str) -> None:
    """As if every lease were over, and what is due within ten minutes were due."""
    back = "update ledger.tasks set leased_at = leased_at - interval '1 hour' where token notnull"
    rows(url, back, fetch=False)
    rows(
        url,
        "update ledger.tasks set due_at = ledger.now() - interval '1 s' "
        f"where process in {PROCESSES} and due_at < ledger.now() + interval '10 minutes'",
        fetch=False,
    )


def work(url: str, workers: Sequence[Worker], kills: Sequence[str]) -> None:
    """Rounds of every worker; each is killed at the next of `kills`."""
    steps = iter(kills)
    for _ in range(ROUNDS):
        for worker in workers:
            worker.follow()
            worker.perform(kill_at=next(steps, ""))
        hurry(url)


def cut(_raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """The PSP has acted, and the link is cut before its answer."""
    return 0, {}, b""


def half(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """The PSP has acted, and half of its answer arrives."""
    return 200, {"Content-Length": str(len(raw))}, raw[: len(raw) // 2]


Answer = Callable[[bytes], tuple[int, dict[str, str], bytes]]


def paid(ledger: LedgerFixture, session_id: UUID) -> int:
    """How often the session was paid."""
    topics = [one.topic for one in history(ledger.log, session_id)]
    return topics.count("payment_session.paid")


@pytest.mark.parametrize("answer", [None, cut, half])
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_payer_is_charged_once_wherever_the_worker_dies(
    database_url: str,
    postgres_log: PostgresLog,
    psp: ReferencePsp,
    workers: list[Worker],
    *,
    step: str,
    later: bool,
    answer: Answer | None,
) -> None:
    ledger = LedgerFixture(postgres_log)
    psp.outcome = "processing" if later else "captured"
    psp.answers += [answer, answer] if answer else []
    session_id = start(ledger)

    work(database_url, workers[:1], [step])
    if later:
        [key] = psp.charges
        psp.settle(key, "captured")
    work(database_url, workers, [step] * 3)

    assert [one["status"] for one in psp.charges.values()] == ["captured"]
    assert paid(ledger, session_id) == 1
    assert ledger.session(session_id).flags == ()


@pytest.mark.parametrize("answer", [None, cut, half])
@pytest.mark.parametrize("step", STEPS)
def test_a_refund_is_made_once_wherever_the_worker_dies(
    database_url: str,
    postgres_log: PostgresLog,
    psp: ReferencePsp,
    workers: list[Worker],
    *,
    step: str,
    answer: Answer | None,
) -> None:
    ledger = LedgerFixture(postgres_log)
    session_id = start(ledger)
    work(database_url, workers, [])
    ledger.send(ledger.refund(session_id, Money(500, "USD"), earned=1200))
    psp.answers += [answer, answer, answer] if answer else []

    work(database_url, workers[2:], [step, step])

    assert [one["status"] for one in psp.refunds.values()] == ["refunded"]
    topics = [one.topic for one in history(postgres_log, session_id)]
    assert topics.count("refund.succeeded") == 1


def worker_process(url: str, home: Path, psp: ReferencePsp) -> subprocess.Popen[bytes]:
    """`qrledger work` as a process."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("QRLEDGER_")}
    settings = {
        "QRLEDGER_HOME": str(home),
        "QRLEDGER_DATABASE_URL": url,
        "QRLEDGER_PSP_BASE_URL": psp.base_url,
        "QRLEDGER_PSP_SECRET": SECRET.decode(),
    }
    with (home / "work.log").open("ab") as log:
        return subprocess.Popen(
            [*PROGRAM, "work"],
            env=ours | settings,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def wait_for(condition: Callable[[], object], log: Path) -> None:
    """Wait until something holds."""
    until, pause = time.monotonic() + WAIT_SECONDS, Event()
    while not condition():
        assert time.monotonic() < until, log.read_text()
        pause.wait(0.1)


def test_a_real_worker_that_is_killed_while_the_psp_acts_charges_once(
    database_url: str, postgres_log: PostgresLog, psp: ReferencePsp, tmp_path: Path
) -> None:
    ledger, killed, log = LedgerFixture(postgres_log), Event(), tmp_path / "work.log"

    def hold(raw: bytes) -> tuple[int, dict[str, str], bytes]:
        killed.wait(WAIT_SECONDS)
        return cut(raw)

    psp.answers.append(hold)
    first = worker_process(database_url, tmp_path, psp)
    try:
        wait_for(lambda: log.stat().st_size, log)  # it is ready, so it begins before it asks
        session_id = start(ledger)
        wait_for(lambda: psp.charges, log)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(30)
        killed.set()
    before = paid(ledger, session_id)
    hurry(database_url)

    second = worker_process(database_url, tmp_path, psp)
    try:
        wait_for(lambda: paid(ledger, session_id), log)
    finally:
        second.terminate()
        second.wait(30)

    assert (before, paid(ledger, session_id)) == (0, 1)
    assert [one["status"] for one in psp.charges.values()] == ["captured"]
    assert psp.calls.count("create-session") == 2
