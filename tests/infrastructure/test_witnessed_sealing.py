"""A sealer on PostgreSQL and a witness over HTTP: a forked log gets no cosignature."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest
from click.testing import CliRunner

from domain.audit import policy as policies
from infrastructure.cli import program
from infrastructure.sealing.process import SealProcess
from tests.support.sealed_ledger import Installation
from tests.support.witness_server import free_port, make_home, serving_witness

pytestmark = pytest.mark.postgres
SECONDS = 60


def run(installation: Installation, policy: Path, until: Callable[[], bool]) -> None:
    """Run a sealer until a condition holds."""
    stopped = Event()
    process = SealProcess(installation.seal_url, installation.home, stopped, policy=policy)
    thread = Thread(target=process.run)
    thread.start()
    end = time.monotonic() + SECONDS
    while not until() and thread.is_alive() and time.monotonic() < end:
        stopped.wait(0.02)
    stopped.set()
    thread.join(SECONDS)
    assert until()


def noted(installation: Installation) -> int:
    return installation.keys.sealed_size()


@pytest.mark.timeout(300)
def test_only_what_the_witness_has_cosigned_is_published(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    installation = Installation(make_database(), tmp_path / "seal")
    key = installation.keys.rotate()
    witness = make_home(tmp_path / "witness")
    (witness.folder / "logs").write_text(f"log {key}\nquorum none\n")
    port, policy = free_port(), tmp_path / "policy"
    policy.write_text(
        f"log {key}\nwitness W {witness.key().verifier} http://127.0.0.1:{port}\nquorum W\n"
    )
    demanded = policies.parse(policy.read_bytes())
    with serving_witness(witness, port):
        head = installation.log.head()
        run(installation, policy, lambda: bool(installation.checkpoints()))
    first = demanded.check(installation.notes()[-1])
    assert first.checkpoint.size == head
    assert list(first.witnesses) == [witness.key().verifier]

    installation.ledger.open_wallet()
    head = installation.log.head()
    run(installation, policy, lambda: noted(installation) == head)
    assert installation.checkpoints()[-1] == first.checkpoint

    forked = Installation(make_database(), tmp_path / "forked")
    forked.home.make()
    shutil.copy(installation.home.key_file, forked.home.key_file)
    assert forked.keys.rotate() == key
    forked.ledger.open_wallet()
    with serving_witness(witness, port):
        run(forked, policy, lambda: noted(forked) == forked.log.head())
        assert forked.checkpoints() == []

        run(installation, policy, lambda: installation.checkpoints()[-1].size == head)
    second = demanded.check(installation.notes()[-1])
    assert second.checkpoint.size == head
    for one in (installation, forked):
        one.log.close()


def test_a_policy_that_cannot_be_used_is_one_line(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    installation = Installation(make_database(), tmp_path / "seal")
    installation.keys.rotate()
    path = tmp_path / "policy"
    environment = {
        "QRLEDGER_HOME": str(tmp_path / "home"),
        "QRLEDGER_SEAL_HOME": str(installation.home.folder),
        "QRLEDGER_SEAL_DATABASE_URL": installation.seal_url,
        "QRLEDGER_WITNESS_POLICY": str(path),
    }

    for text, part in [(None, "cannot be read"), ("unknown line\n", "line 1"), ("", "quorum line")]:
        if text is not None:
            path.write_text(text)
        result = CliRunner().invoke(program, ["seal"], env=environment)

        assert result.exit_code == 2
        assert result.output.startswith(f"qrledger: the policy {path} (QRLEDGER_WITNESS_POLICY)")
        assert result.output.count("\n") == 1
        assert part in result.output
    assert installation.checkpoints() == []
    installation.log.close()
