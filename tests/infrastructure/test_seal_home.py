"""The sealer's folder: notes that grow, keys for one user only, and the halt."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from application.sealing.errors import SealHalted
from domain.audit.note import Checkpoint
from infrastructure.sealing import key_file
from infrastructure.sealing.home import NoteFile, SealHome, SealHomeError
from infrastructure.sealing.process import SealProcess
from tests.support.sealing import KEY, ORIGIN

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HEAD = Checkpoint(ORIGIN, 5, bytes(32))
NOTE = HEAD.note(KEY).encode().decode()


def test_a_note_is_synced_whole_before_append_returns(tmp_path: Path, monkeypatch: Any) -> None:
    synced: list[tuple[str, int]] = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        synced.append((name, os.fstat(descriptor).st_size))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    book = NoteFile(tmp_path / "a.notes")
    book.append(NOTE)

    size = book.path.stat().st_size
    assert synced[0] == ("a.notes", size)
    assert synced[1][0] == tmp_path.name  # a new file needs its folder
    book.append(NOTE)
    assert synced[2:] == [("a.notes", 2 * size)]
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o600


def test_the_last_note_is_the_last_whole_line(tmp_path: Path) -> None:
    book = NoteFile(tmp_path / "a.notes")
    assert book.last() is None
    book.append(NOTE)
    whole = book.path.read_bytes()
    for cut in (1, 10, len(whole) - 1):
        book.path.write_bytes(whole + whole[:cut])
        assert book.last() == NOTE
        assert book.path.read_bytes() == whole
    book.path.write_bytes(whole[:20])
    assert book.last() is None
    assert book.path.read_bytes() == b""


@pytest.mark.parametrize("line", [b"\x00" * 64, b"{}", b"[]", b'{"note": 1}', b"\xff"])
def test_a_line_that_is_no_note_is_refused(tmp_path: Path, line: bytes) -> None:
    book = NoteFile(tmp_path / "a.notes")
    book.append(NOTE)
    with book.path.open("ab") as file:
        file.write(line + b"\n")

    with pytest.raises(SealHomeError, match="is not a note"):
        book.last()


def test_every_checkpoint_is_read_in_order(tmp_path: Path) -> None:
    book = NoteFile(tmp_path / "a.notes")
    heads = [Checkpoint(ORIGIN, size, bytes(32)) for size in range(1, 2000)]
    for head in heads[:3]:
        book.append(head.note(KEY).encode().decode())

    assert list(book.checkpoints()) == heads[:3]
    assert list(NoteFile(tmp_path / "none").checkpoints()) == []


def test_keys_are_kept_and_read(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first = key_file.make_key(ORIGIN, bytes(32), NOW)
    keys = key_file.rotated([first], key_file.make_key(ORIGIN, b"1" * 32, NOW), NOW)

    key_file.write(path, keys)

    assert key_file.read(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key_file.read(tmp_path / "none") == []
    assert repr(bytes(32)) not in repr(keys)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_keys_that_others_can_reach_are_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    key_file.write(path, [key_file.make_key(ORIGIN, bytes(32), NOW)])
    path.chmod(mode)

    with pytest.raises(SealHomeError, match="open to other users"):
        key_file.read(path)


def test_what_is_no_key_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SealHomeError, match="is not a file"):
        key_file.read(tmp_path / "pipe")
    with pytest.raises(SealHomeError, match=r"is not a file|cannot be read"):
        key_file.read(tmp_path)


def signers(keys: list[key_file.SealKey], announced: set[str], at: datetime) -> set[str]:
    note = key_file.sign(HEAD, keys, announced, at)
    return {one.key_id.hex() for one in note.signatures}


def test_the_announced_keys_of_the_log_sign_until_their_end() -> None:
    old, new = (key_file.make_key(ORIGIN, seed * 32, NOW) for seed in (b"a", b"b"))
    other = key_file.make_key(ORIGIN.replace("pay.", "pal."), b"c" * 32, NOW)
    keys = [*key_file.rotated([other, old], new, NOW)]
    both, day = {old.id, new.id}, timedelta(days=1)

    assert signers(keys, {*both, other.id}, NOW + 30 * day - day) == both
    assert signers(keys, both, NOW + 30 * day) == {new.id}
    assert signers(keys, {old.id}, NOW) == {old.id}
    assert keys[0] == other  # a key of another log has no end
    with pytest.raises(SealHomeError, match="seal keys rotate"):
        signers(keys, set(), NOW)
    with pytest.raises(SealHomeError, match="seal keys rotate"):
        signers([other], {other.id}, NOW)


def test_a_halt_stays_until_it_is_lifted(tmp_path: Path) -> None:
    home = SealHome(tmp_path / "seal")
    home.make()
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert home.halted() is None
    home.halt("the log ends at position 3")
    process = SealProcess("", home, Event())

    with pytest.raises(SealHalted, match="position 3; it stays halted until"):
        process.run()
    home.lift_halt()
    home.lift_halt()

    assert home.halted() is None
    process.check()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SealHomeError, match="set QRLEDGER_SEAL_HOME"):
        SealHome(tmp_path / "file" / "seal").make()
