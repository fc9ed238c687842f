"""The disk fills up: no payment is acknowledged wrongly, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from uuid import UUID

import pytest

from application.command import Outcome
from infrastructure import audit
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import migrate
from tests.support.ledger_fixture import LedgerFixture

pytestmark = [pytest.mark.faults, pytest.mark.postgres]
DISK_BYTES = 160 * 1024 * 1024
LEFT_BYTES = 2 * 1024 * 1024
TRIES_MAX = 400


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("only root may mount a small disk here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.timeout(180)
def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path) -> None:
    server = EmbeddedServer(small_disk / "home")
    url = server.start()
    stopped = Event()
    Thread(target=server.keep_alive, args=(stopped,), daemon=True).start()
    migrate(url, mode="test", token_secret=b"s" * 32)
    log = PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=1))
    ledger = LedgerFixture(log)
    wallet = ledger.open_wallet(10**9)
    filler = small_disk / "filler"
    free = os.statvfs(small_disk)
    filler.write_bytes(b"x" * (free.f_bavail * free.f_frsize - LEFT_BYTES))

    paid, refused = _sell(ledger, wallet)
    filler.unlink()
    more, _ = _sell(ledger, wallet, until=20)

    assert refused <= {"overloaded"}
    assert refused, "the disk was never full"
    assert more, "it never came back"
    for session in (*paid, *more):
        assert ledger.session(session).payment is not None
    report = audit.check(url, log)
    assert report.violations == []
    log.close()
    stopped.set()
    server.stop()


def _sell(ledger: LedgerFixture, wallet: UUID, until: int = 10**9) -> tuple[list[UUID], set[str]]:
    """Create, scan and pay; returns the acknowledged payments and the refusals."""
    paid: list[UUID] = []
    refused: set[str] = set()
    for _ in range(TRIES_MAX):
        metadata = {str(number): token_hex(250) for number in range(20)}  # the maximum
        command = ledger.create(description="x" * 100, metadata=metadata)
        steps = ledger.try_send(command, key=str(command.session_id))
        if isinstance(steps, Outcome):
            steps = ledger.try_send(ledger.scan(command.session_id, wallet))
        if isinstance(steps, Outcome):
            claim = steps.subject.claim.id
            pay = ledger.pay(command.session_id, wallet, claim)
            steps = ledger.try_send(pay, key=f"pay {command.session_id}")
        if isinstance(steps, Outcome):
            paid.append(command.session_id)
        else:
            refused.add(steps)
            if until == 10**9 and refused and len(paid) > 3:
                break
        if len(paid) >= until:
            break
    return paid, refused
