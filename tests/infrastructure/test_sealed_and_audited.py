"""What the sealer publishes is what the auditor proves: sealed, exported, verified with older notes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infrastructure.cli import program
from infrastructure.postgres.migrate import migrate
from tests.support.sealed_ledger import Installation, rewrite

pytestmark = pytest.mark.postgres


@pytest.fixture
def installation(make_database: Callable[[], str], tmp_path: Path) -> Iterator[Installation]:
    url = make_database()
    migrate(url, mode="test", token_secret=bytes(32))
    made = Installation(url, tmp_path / "seal")
    yield made
    made.log.close()


def run(installation: Installation, *words: str) -> Result:
    environment = {"QRLEDGER_DATABASE_URL": installation.url, "QRLEDGER_MODE": "test"}
    return CliRunner().invoke(program, words, env=environment)


def pay(installation: Installation) -> None:
    ledger = installation.ledger
    wallet, session = ledger.open_wallet(), ledger.create_session()
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))


def test_a_sealed_ledger_is_proven_with_every_older_checkpoint(
    installation: Installation, tmp_path: Path
) -> None:
    keys = [installation.keys.rotate()]
    older = []
    for number in range(3):
        for _ in range(20):
            pay(installation)
        installation.seal()
        note = tmp_path / f"note-{number}"
        note.write_bytes(installation.notes()[-1].encode())
        older += ["--from", str(note)]
        keys.append(installation.keys.rotate())
    bundle = str(tmp_path / "bundle.tar")
    assert run(installation, "rebuild").exit_code == 0
    installation.seal()

    exported = run(installation, "audit", "export", bundle)
    verified = run(installation, "audit", "verify", bundle, "--vkey", keys[0], *older, "--json")

    assert exported.exit_code == 0, exported.output
    assert verified.exit_code == 0, verified.output
    report = json.loads(verified.output)
    assert report["size"] == installation.checkpoints()[-1].size > 256


def test_a_rewritten_ledger_cannot_be_exported_under_its_checkpoint(
    installation: Installation, tmp_path: Path
) -> None:
    installation.keys.rotate()
    for _ in range(5):
        pay(installation)
    assert run(installation, "rebuild").exit_code == 0
    installation.seal()
    size = installation.checkpoints()[-1].size
    rewrite(
        installation.url,
        f"update ledger.events set actor = 'nobody' where notification_id = {size - 3}",
    )
    bundle = str(tmp_path / "bundle.tar")

    exported = run(installation, "audit", "export", bundle)

    assert exported.exit_code == 1, exported.output
    assert "root of the checkpoint" in exported.output
