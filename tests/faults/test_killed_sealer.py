"""kill -9 of `qrledger seal` under load: one head for each size, tiles whole, notes first."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.audit import leaf as leaves
from domain.audit.merkle import Frontier, hash_leaf
from domain.audit.note import Checkpoint, parse, parse_checkpoint
from domain.audit.tiles import split_tile, tile_root
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.postgres.migrate import migrate
from infrastructure.sealing.store import PostgresSealStore
from tests.support.postgres import rows
from tests.support.sealed_ledger import Installation

pytestmark = [pytest.mark.postgres, pytest.mark.faults]
PROGRAM = [sys.executable, "-I", "-c", "from infrastructure.cli import main; main()"]
ROUNDS = 4
EVENTS = 400


def check(installation: Installation) -> int:
    """What must hold whenever the sealer has been killed; returns the published size."""
    log = installation.log.read(0, 1000)
    log += installation.log.read(1000, 1000)  # type: ignore[operator]
    with connect(installation.seal_url, DatabaseRole.SEALER) as connection:
        hashes = [
            hash_leaf(leaves.encode(leaf))
            for leaf in PostgresSealStore(connection).leaves(0, len(log))
        ]
    tree, roots = Frontier(), {}
    for one in hashes:
        tree.append(one)
        roots[tree.size] = tree.root()
    noted: dict[int, Checkpoint] = {}
    for path in installation.home.folder.glob("*.notes"):
        for line in path.read_text().splitlines(keepends=True):
            if not line.endswith("\n"):
                continue  # cut off: never published
            head = parse_checkpoint(parse(json.loads(line)["note"].encode()).text)
            assert noted.setdefault(head.size, head) == head
            assert head.root == roots[head.size]
    published = installation.checkpoints()
    assert all(noted[head.size] == head for head in published)
    size = published[-1].size if published else 0
    tiles = rows(installation.url, "select level, index, hashes, root from seal.tiles")
    for level, index, data, root in tiles:
        found = split_tile(bytes(data), 256)
        assert bytes(root) == tile_root(found)
        if level == 0:
            assert found == hashes[index * 256 : index * 256 + 256]
    assert {index for level, index, *_ in tiles if level == 0} >= set(range(size // 256))
    return size


@pytest.mark.timeout(300)
def test_kill_9_at_any_moment_leaves_one_history(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    url = make_database()
    migrate(url, mode="test", token_secret=bytes(32))
    installation = Installation(url, tmp_path / "seal")
    installation.keys.rotate()
    random_ = random.Random(16)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("QRLEDGER_")},
        "QRLEDGER_HOME": str(tmp_path / "home"),
        "QRLEDGER_SEAL_HOME": str(installation.home.folder),
        "QRLEDGER_SEAL_DATABASE_URL": installation.seal_url,
    }
    for _ in range(ROUNDS):
        before = check(installation)
        sealer = subprocess.Popen([*PROGRAM, "seal"], env=environment, stdout=subprocess.DEVNULL)
        events = random_.randrange(1, EVENTS // ROUNDS)
        until = time.monotonic() + 60
        while not installation.checkpoints() or installation.checkpoints()[-1].size <= before:
            installation.ledger.open_wallet()
            assert time.monotonic() < until
            assert sealer.poll() is None
        for _ in range(events):
            installation.ledger.open_wallet(0)
        sealer.kill()
        sealer.wait(10)

    check(installation)
    assert installation.seal() == installation.log.head()
    assert check(installation) == installation.log.head()
    installation.log.close()
