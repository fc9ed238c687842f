"""The folder of a witness: its key, the logs it knows, its memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from application.ports.witness_memory import MemoryUnavailable
from domain.audit import vkey
from domain.audit.errors import MalformedKey
from infrastructure.witnessing.home import WitnessHome, WitnessHomeError
from infrastructure.witnessing.memory import FileMemory
from tests.support.witnesses import LOG, OTHER_LOG, History

SEED = bytes([5] * 32)
NAME = "witness.example/w1"
ONE = History()
ORIGIN = LOG.verifier.name


@pytest.fixture
def home(tmp_path: Path) -> WitnessHome:
    home = WitnessHome(tmp_path / "witness")
    home.make(NAME, SEED)
    (home.folder / "logs").write_text(f"log {LOG.verifier}\nquorum none\n")
    return home


def test_a_new_witness_has_a_key_of_its_own_and_no_logs(tmp_path: Path) -> None:
    home = WitnessHome(tmp_path / "a" / "witness")

    made = home.make(NAME, SEED)

    assert made == home.key().verifier
    assert vkey.parse(str(made)).name == NAME
    assert home.memory().head(ORIGIN) is None
    assert (home.folder / "key").stat().st_mode & 0o777 == 0o600
    assert (home.folder / "heads").stat().st_mode & 0o777 == 0o700
    with pytest.raises(WitnessHomeError, match="names no log"):
        home.logs()


def test_a_witness_is_made_once(home: WitnessHome) -> None:
    with pytest.raises(WitnessHomeError, match="has a witness already"):
        home.make(NAME, bytes(32))
    (home.folder / "key").unlink()
    with pytest.raises(WitnessHomeError, match="has a witness already"):
        home.make(NAME, bytes(32))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "x" * 256, "a\u2028b", "\ud800"])
def test_a_name_that_no_key_may_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MalformedKey):
        WitnessHome(tmp_path / "witness").make(name, SEED)
    assert not (tmp_path / "witness").exists()


def test_a_key_that_cannot_be_trusted_is_not_used(home: WitnessHome) -> None:
    path, text = home.folder / "key", (home.folder / "key").read_text()

    for mode in (0o640, 0o604, 0o620, 0o666):
        path.chmod(mode)
        with pytest.raises(WitnessHomeError, match="open to other users"):
            home.key()
    path.chmod(0o600)
    for bad in (
        "",
        "x",
        text * 2,
        text.replace("\n", "\r\n"),
        text[:-3],
        LOG.private_text(),
        "\x00",
    ):
        path.write_text(bad)
        with pytest.raises(WitnessHomeError) as raised:
            home.key()
        assert "PRIVATE" not in str(raised.value)
    path.unlink()
    with pytest.raises(WitnessHomeError, match="witness init"):
        home.key()
    os.mkfifo(path, 0o600)
    with pytest.raises(WitnessHomeError, match="not a file"):
        home.key()


def test_the_logs_are_a_policy(home: WitnessHome) -> None:
    path = home.folder / "logs"
    path.write_text(f"# ours\nlog {LOG.verifier}\nlog {OTHER_LOG.verifier}\nquorum none\n")

    assert home.logs() == [LOG.verifier, OTHER_LOG.verifier]

    for bad in ("", "log x\nquorum none\n", f"log {LOG.verifier}\n", "log\r\nquorum none\n"):
        path.write_text(bad)
        with pytest.raises(WitnessHomeError, match="is not a list of logs"):
            home.logs()
    path.unlink()
    with pytest.raises(WitnessHomeError, match="cannot be read"):
        home.logs()


def test_a_witness_that_has_lost_its_memory_does_not_start(home: WitnessHome) -> None:
    (home.folder / "heads").rmdir()

    with pytest.raises(WitnessHomeError, match="must not sign with its old key"):
        home.memory()


def test_a_folder_has_one_witness_at_a_time(home: WitnessHome) -> None:
    with home.locked(), pytest.raises(WitnessHomeError, match="another witness"), home.locked():
        pytest.fail("two witnesses")
    with home.locked():
        pass


def test_a_head_is_kept_whole(home: WitnessHome) -> None:
    memory = home.memory()

    for size in (1, 8, 8, 300):
        memory.keep(ONE.note(size))
        assert home.memory().head(ORIGIN) == ONE.head(size)

    assert [path.suffix for path in (home.folder / "heads").iterdir()] == [".note"]


def test_what_a_crash_has_left_is_in_no_ones_way(home: WitnessHome) -> None:
    memory = home.memory()
    memory.keep(ONE.note(1))
    memory.path(ORIGIN).with_suffix(".new").write_text("half a no")

    assert memory.head(ORIGIN) == ONE.head(1)
    memory.keep(ONE.note(8))
    assert memory.head(ORIGIN) == ONE.head(8)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x00" * 4096,
        ONE.note(8).encode()[:-5],
        ONE.note(8).encode() * 2,
        History(origin="other.example/log").note(8, OTHER_LOG).encode(),
        b"x" * 100_000,
    ],
    ids=range(6),
)
def test_a_damaged_head_is_not_taken_for_none(home: WitnessHome, damage: bytes) -> None:
    memory = home.memory()
    memory.keep(ONE.note(8))
    memory.path(ORIGIN).write_bytes(damage)

    with pytest.raises(MemoryUnavailable):
        memory.head(ORIGIN)


def test_a_memory_that_cannot_be_read_or_written_is_unavailable(home: WitnessHome) -> None:
    memory = home.memory()
    memory.path(ORIGIN).mkdir()

    with pytest.raises(MemoryUnavailable):
        memory.head(ORIGIN)
    with pytest.raises(MemoryUnavailable):
        memory.keep(ONE.note(8))
    with pytest.raises(MemoryUnavailable):
        FileMemory(home.folder / "nowhere").keep(ONE.note(8))
    with pytest.raises(MemoryUnavailable):
        FileMemory(home.folder / "nowhere").keep_fork(ONE.note(8))


def test_file_and_folder_are_synced_around_the_rename(
    home: WitnessHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = home.memory()
    path = memory.path(ORIGIN)
    steps: list[str] = []
    sync = os.fsync

    def observed(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append(f"{target.name[64:] or 'folder'} {path.exists()}")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", observed)
    memory.keep(ONE.note(8))

    assert [step.split()[-1] for step in steps] == ["False", "True"]
    assert steps[0] == ".note.new False"


def test_only_the_first_proof_of_a_fork_is_kept(home: WitnessHome) -> None:
    memory = home.memory()

    for size in (8, 9):
        memory.keep_fork(ONE.note(size))

    [evidence] = (home.folder / "heads").glob("*.fork")
    assert evidence.read_bytes() == ONE.note(8).encode()
