"""kill -9 of a witness at any moment: of two histories of a log one is cosigned, never both."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest

from domain.audit import note as notes
from domain.audit.note import Checkpoint, Note
from infrastructure.witnessing.home import WitnessHome
from tests.support.witness_server import WitnessServer, free_port, make_home
from tests.support.witnesses import KEY, LOG, History

pytestmark = pytest.mark.faults
PROGRAM = [sys.executable, "-I", "-c", "from infrastructure.cli import main; main()"]
ROUNDS = 5
ONE, FORK = History(), History(forked_at=2)
DIES = """
import os, signal, sys
from infrastructure import private_files
from infrastructure.witnessing import memory
{step}
from infrastructure.cli import main
main()
"""
KEPT = "memory.FileMemory.keep = lambda *a, keep=memory.FileMemory.keep: (keep(*a), {die})"
STEPS = {
    "before the new file is written": "private_files.write_new = lambda path, data: {die}",
    "before the new file replaces the old one": (
        "private_files.write_new = lambda *a, write=private_files.write_new: (write(*a), {die})"
    ),
    "before the folder is synced": "private_files.sync_folder = lambda folder: {die}",
    "after the head is kept and before it is signed": KEPT,
}
"""Where a witness kills itself; the signature is made after the last of them."""


@contextmanager
def witness(
    home: WitnessHome, program: list[str]
) -> Iterator[tuple[WitnessServer, subprocess.Popen[str]]]:
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("QRLEDGER_")},
        "QRLEDGER_WITNESS_HOME": str(home.folder),
        "QRLEDGER_WITNESS_PORT": str(port),
    }
    with subprocess.Popen(
        [*program, "witness"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"witnessing on 127.0.0.1:{port}\n"
            yield WitnessServer(port), process
        finally:
            process.kill()


def ask(server: WitnessServer, history: History, old: int, size: int) -> Checkpoint | None:
    """The head, if it was cosigned."""
    try:
        answer = server.post(history.request(old, size))
    except (OSError, HTTPException):
        return None
    if answer.status != 200:
        assert answer.status in {409, 422}
        return None
    head = history.head(size)
    Note(head.text, notes.parse_lines(answer.body.decode())).verify([KEY.verifier])
    return head


@pytest.mark.timeout(300)
def test_kill_9_at_any_moment_leaves_one_history(tmp_path: Path) -> None:
    home = make_home(tmp_path / "witness")
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    cosigned: set[Checkpoint] = set()
    for round_ in range(ROUNDS):
        sizes = range(1 + 20 * round_, 21 + 20 * round_)
        requests = [
            (h, old, size) for h in (ONE, FORK) for size in sizes for old in (0, size - 1, size)
        ]
        chance.shuffle(requests)
        with witness(home, PROGRAM) as (server, process), ThreadPoolExecutor(4) as pool:
            kept = home.memory().head(LOG.verifier.name)
            if kept is not None:  # so that the log goes on, in either of its histories
                requests = [(h, kept.size, size) for h, _, size in requests] + requests
            answers = [pool.submit(ask, server, *request) for request in requests]
            until = time.monotonic() + chance.uniform(0.05, 0.4)
            while time.monotonic() < until and not all(one.done() for one in answers):
                time.sleep(0.005)
            process.kill()
            cosigned |= {head for one in answers if (head := one.result()) is not None}

    kept = home.memory().head(LOG.verifier.name)
    assert kept is not None, seed
    assert max(head.size for head in cosigned) <= kept.size, seed
    both = {head.size for head in cosigned}
    assert len(both) == len(cosigned), f"two heads of one size, seed {seed}"
    history = ONE if kept == ONE.head(kept.size) else FORK
    assert all(head == history.head(head.size) for head in cosigned), seed


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.timeout(120)
def test_a_witness_that_dies_at_a_step_never_cosigns_two_heads(tmp_path: Path, step: str) -> None:
    home = make_home(tmp_path / "witness")
    with witness(home, PROGRAM) as (server, _):
        assert ask(server, ONE, 0, 2) == ONE.head(2)
    die = "os.kill(os.getpid(), signal.SIGKILL)"
    dying = [sys.executable, "-I", "-c", DIES.format(step=STEPS[step].format(die=die))]
    with witness(home, dying) as (server, process):
        assert ask(server, ONE, 2, 8) is None
        assert process.wait(10) == -9

    with witness(home, PROGRAM) as (server, _):
        kept = home.memory().head(LOG.verifier.name)
        assert kept in {ONE.head(2), ONE.head(8)}
        forked = [ask(server, FORK, old, 8) for old in (0, 2, 8)]
        genuine = [ask(server, ONE, old, 8) for old in (0, 2, 8)]

    if kept == ONE.head(8):
        assert forked == [None, None, None]
        assert genuine == [None, None, ONE.head(8)]
    else:  # nobody has seen a cosignature of size 8
        assert forked == [None, FORK.head(8), FORK.head(8)]
        assert genuine == [None, None, None]
