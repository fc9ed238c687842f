"""`audit export` on PostgreSQL: ledgers of this release and of earlier ones, proven afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from infrastructure.bundles.events import to_leaf
from infrastructure.bundles.verify import OldNote, verify
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.migrate import migrate
from tests.support import bundles
from tests.support.bundles import TRUSTED
from tests.support.ledger_fixture import LedgerFixture
from tests.support.old_ledgers import restore
from tests.support.read_models import project

pytestmark = pytest.mark.postgres
PROGRAM = [sys.executable, "-I", "-c", "from infrastructure.cli import main; main()"]


def sealed(url: str, folder: Path, name: str = "note") -> Path:
    """A checkpoint over the whole log, by a key of the tests."""
    log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
    leaves: list[bytes] = []
    while page := log.read(len(leaves), 1000):
        leaves += map(to_leaf, page)
    log.close()
    path = folder / name
    path.write_bytes(bundles.signed(leaves).encode())
    return path


def export(url: str, output: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")}
    return subprocess.run(
        [*PROGRAM, "audit", "export", str(output), *map(str, options)],
        env={**plain, "QRLEDGER_DATABASE_URL": url, "QRLEDGER_HOME": str(output.parent)},
        cwd=Path("/"),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def paid(database_url: str, postgres_log: PostgresLog) -> str:
    """The URL of a ledger with ten events; position 10 is the payment."""
    ledger = LedgerFixture(postgres_log)
    wallet = ledger.open_wallet()
    session = ledger.create_session()
    ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)), key="k")
    project(database_url)
    return database_url


def test_a_ledger_is_exported_and_proven(paid: str, tmp_path: Path) -> None:
    note = sealed(paid, tmp_path)

    done = export(paid, tmp_path / "ledger.tar", "--checkpoint", note)

    report = verify(tmp_path / "ledger.tar", TRUSTED)
    assert done.returncode == 0, done.stderr
    assert "10 events" in done.stdout
    assert report.findings == []
    assert {name: part["rows"] for name, part in report.read_models.items()} == {
        "attempts": 0, "balances": 3, "journal": 4, "payouts": 0, "refunds": 0, "sessions": 1,
        "static_codes": 0, "wallet_payments": 1,
    }  # fmt: skip
    assert oct((tmp_path / "ledger.tar").stat().st_mode & 0o777) == "0o600"


def test_the_ledger_of_an_earlier_release_is_proven(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    url = make_database()
    restore(url)
    migrate(url, mode="test", token_secret=bytes(32))
    project(url)

    done = export(url, tmp_path / "old.tar", "--checkpoint", sealed(url, tmp_path))

    report = verify(tmp_path / "old.tar", TRUSTED)
    assert done.returncode == 0, done.stderr
    assert report.findings == []
    assert report.read_models["sessions"]["rows"] > 0


@pytest.mark.unaudited
def test_a_superusers_rewrite_is_not_exported_under_the_old_checkpoint(
    paid: str, tmp_path: Path
) -> None:
    note = sealed(paid, tmp_path)
    with psycopg.connect(paid) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update ledger.events set actor = 'x' where notification_id = 9")

    done = export(paid, tmp_path / "ledger.tar", "--checkpoint", note)

    assert done.returncode == 1
    assert "do not lead to the root of the checkpoint" in done.stderr
    assert not (tmp_path / "ledger.tar").exists()
    assert not (tmp_path / "ledger.tar.part").exists()
    resealed = export(
        paid, tmp_path / "ledger.tar", "--checkpoint", sealed(paid, tmp_path, "forged")
    )
    report = verify(tmp_path / "ledger.tar", TRUSTED, [OldNote("kept", note.read_bytes())])
    assert resealed.returncode == 0
    assert report.interval == (1, 10)


@pytest.mark.unaudited
def test_a_superusers_rewrite_of_a_read_model_is_found(paid: str, tmp_path: Path) -> None:
    note = sealed(paid, tmp_path)
    with psycopg.connect(paid) as connection:
        connection.execute("update read_models.balances set balance_minor = balance_minor + 1")

    export(paid, tmp_path / "ledger.tar", "--checkpoint", note)

    report = verify(tmp_path / "ledger.tar", TRUSTED)
    assert {one.check for one in report.findings} == {"rows-equal-the-fold"}


def test_without_a_checkpoint_or_read_models_nothing_is_exported(
    paid: str, database_url: str, tmp_path: Path
) -> None:
    unsealed = export(paid, tmp_path / "ledger.tar")
    with psycopg.connect(database_url) as connection:
        connection.execute("update read_models.tracking set version = 99 where name = 'refunds'")
    unbuilt = export(paid, tmp_path / "ledger.tar", "--checkpoint", sealed(paid, tmp_path))
    with psycopg.connect(database_url) as connection:
        connection.execute("update read_models.tracking set version = 2 where name = 'refunds'")

    assert (unsealed.returncode, unbuilt.returncode) == (1, 1)
    assert "qrledger seal" in unsealed.stderr
    assert "refunds is not built" in unbuilt.stderr
    assert [one.name for one in tmp_path.glob("*.tar*")] == []
