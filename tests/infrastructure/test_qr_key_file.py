"""The key file: what is in it, how it is replaced, and what running processes make of it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from domain.qr.static_code import SignatureVerdict
from infrastructure.qr_keys import key_file, key_set
from infrastructure.qr_keys.file_keys import FileKeys
from infrastructure.qr_keys.key_file import BadKeyFile, NoKeyFile
from infrastructure.qr_keys.key_set import BadKeySet, KeySet

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)
TEXT = b"text"


def private(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A key file of two keys."""
    made = tmp_path / "home" / "qr-keys.json"
    key_file.create_if_absent(made, private(1), START)
    key_file.change(made, lambda keys: keys.rotated(private(2), LATER))
    return made


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_the_file_is_as_documented(path: Path) -> None:
    first, second = document(path)["keys"]

    assert document(path)["format"] == 1
    assert first == {
        "id": "GR2Q7GF5", "public": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w", "private": None,
        "created_at": "2026-01-01T00:00:00.000000Z", "retired_at": "2026-02-01T00:00:00.000000Z",
        "revoked_at": None,
    }  # fmt: skip
    assert second["private"] == "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
    assert (second["retired_at"], second["revoked_at"]) == (None, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_reading_and_writing_keep_every_key(path: Path) -> None:
    keys = key_file.read(path).revoked("GR2Q7GF5", private(3), LATER)

    assert key_set.from_json(keys.to_json()).keys == keys.keys


def test_a_key_file_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()

    assert key_file.create_if_absent(path, private(9), LATER) is None
    assert path.read_bytes() == before

    path.write_text("broken")
    with pytest.raises(BadKeyFile):
        key_file.create_if_absent(path, private(9), LATER)
    assert path.read_text() == "broken"


def test_a_change_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(BadKeyFile, match="has no key 'NONE'"):
        key_file.change(path, lambda keys: keys.revoked("NONE", private(3), LATER))

    assert path.read_bytes() == before


def test_the_new_file_is_on_the_disk_before_it_has_the_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, int]] = []
    sync, rename = os.fsync, Path.rename

    def on_sync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        kind = "folder" if stat.S_ISDIR(found.st_mode) else "file"
        calls.append((kind, stat.S_IMODE(found.st_mode) if kind == "file" else 0))
        sync(descriptor)

    def on_rename(new: Path, target: Path) -> Path:
        calls.append(("rename", len(document(new)["keys"])))
        return rename(new, target)

    monkeypatch.setattr(os, "fsync", on_sync)
    monkeypatch.setattr(Path, "rename", on_rename)

    key_file.change(path, lambda keys: keys.rotated(private(3), LATER))

    assert calls == [("file", 0o600), ("rename", 3), ("folder", 0)]


def test_the_rest_of_an_interrupted_change_is_replaced(path: Path) -> None:
    rest = path.with_name("qr-keys.json.new")
    rest.write_text("half")
    rest.chmod(0o644)

    key_file.change(path, lambda keys: keys.rotated(private(3), LATER))

    assert len(key_file.read(path).keys) == 3
    assert not rest.exists()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)

    key_file.change(link, lambda keys: keys.rotated(private(3), LATER))

    assert link.is_symlink()
    assert len(key_file.read(path).keys) == 3


def test_one_writer_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "LOCK_SECONDS", 0)
    with path.with_name("qr-keys.json.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(BadKeyFile, match="is being changed by another command"):
            key_file.change(path, lambda keys: keys.rotated(private(3), LATER))

    assert len(key_file.change(path, lambda keys: keys.rotated(private(3), LATER)).keys) == 3


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_file_that_other_users_can_open_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)

    with pytest.raises(BadKeyFile, match="is open to other users: change its mode to 0600"):
        key_file.read(path)


def test_there_must_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(NoKeyFile, match="qrledger keys rotate-qr"):
        key_file.read(tmp_path / "none.json")
    with pytest.raises(BadKeyFile, match="cannot be read: Is a directory"):
        key_file.read(tmp_path)
    os.mkfifo(tmp_path / "pipe", mode=0o600)
    with pytest.raises(BadKeyFile, match="is not a file"):
        key_file.read(tmp_path / "pipe")
    with pytest.raises(BadKeyFile, match="cannot be read"):
        key_file.read(tmp_path / "a\0b")
    with pytest.raises(BadKeyFile, match=r"cannot be written.*QRLEDGER_QR_KEYS"):
        key_file.create_if_absent(Path("/proc/none/k.json"), private(1), START)


def _set(name: str, value: Any, index: int = -1) -> Callable[[dict[str, Any]], None]:
    return lambda file: file["keys"][index].__setitem__(name, value)


SECOND = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda file: file.__setitem__("format", 2), "format 2; this program reads up to 1"),
        (lambda file: file.__setitem__("format", 0), "format 1 and 1 to 200 keys"),
        (lambda file: file.__setitem__("format", "1"), "is broken"),
        (lambda file: file.__setitem__("more", 1), "is broken"),
        (lambda file: file.__setitem__("keys", []), "1 to 200 keys"),
        (lambda file: file["keys"].extend(file["keys"] * 100), "1 to 200 keys"),
        (lambda file: file["keys"].reverse(), "not valid"),
        (lambda file: file["keys"].insert(0, file["keys"][0]), "lists a key twice"),
        (_set("private", None), "not valid"),
        (_set("private", SECOND[:-1]), "not valid"),
        (_set("private", SECOND[:-1] + "J"), "not valid"),
        (_set("private", "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM"), "can sign"),
        (_set("private", "\u0660" * 43), "not valid"),
        (_set("private", SECOND, 0), "one key only"),
        (_set("retired_at", None, 0), "one key only"),
        (_set("retired_at", "2026-02-01T00:00:00Z"), "end with a key that can sign"),
        (_set("revoked_at", "2026-02-01T00:00:00Z"), "end with a key that can sign"),
        (_set("revoked_at", "yesterday", 0), "not valid"),
        (_set("created_at", "2026-01-01T00:00:00"), "not valid"),
        (_set("id", "K1"), "not valid"),
        (_set("public", "AAAA"), "not valid"),
        (_set("id", 7), "is broken"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_without_its_content(
    path: Path, damage: Callable[[dict[str, Any]], None], words: str
) -> None:
    file = document(path)
    damage(file)
    path.write_text(json.dumps(file))

    with pytest.raises(BadKeyFile, match=words) as refused:
        key_file.read(path)

    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert SECOND[:20] not in str(refused.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(text: bytes) -> None:
    with pytest.raises(BadKeySet):
        key_set.from_json(text)


def test_a_huge_file_is_refused(path: Path) -> None:
    path.write_text(" " * (key_file.BYTES_MAX + 1))

    with pytest.raises(BadKeyFile, match="more than"):
        key_file.read(path)


def test_the_number_of_keys_is_limited_and_fits_the_file() -> None:
    keys = key_set.first(private(0), START)
    for number in range(1, key_set.KEYS_MAX):
        keys = keys.rotated(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32), LATER)

    with pytest.raises(BadKeySet, match="200 keys"):
        keys.rotated(private(250), LATER)
    assert len(keys.to_json()) < key_file.BYTES_MAX


def test_revoking_a_key_again_keeps_its_first_time(path: Path) -> None:
    keys = key_file.read(path).revoked("GR2Q7GF5", private(3), LATER)

    again = keys.revoked("GR2Q7GF5", private(4), datetime(2027, 1, 1, tzinfo=UTC))

    assert again.keys == keys.keys


class Watched:
    """A process that runs, with what it says about the file."""

    def __init__(self, path: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.unusable: list[bool] = []
        self.caplog = caplog
        caplog.set_level(logging.WARNING)
        self.keys = FileKeys(path, self.on_read)
        self.signing = self.keys.current()
        self.signature = self.signing.sign(TEXT)

    def on_read(self, *, unusable: bool) -> None:
        self.unusable.append(unusable)

    def verdict(self) -> SignatureVerdict:
        return self.keys.verify(self.signing.id, TEXT, self.signature)

    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.caplog.records]


@pytest.fixture
def watched(path: Path, caplog: pytest.LogCaptureFixture) -> Watched:
    return Watched(path, caplog)


def revoke(path: Path, key_id: str) -> KeySet:
    return key_file.change(path, lambda keys: keys.revoked(key_id, private(7), LATER))


def test_a_running_process_refuses_a_key_from_the_moment_it_is_revoked(
    path: Path, watched: Watched
) -> None:
    others = [FileKeys(path) for _ in range(2)]
    assert watched.verdict() is SignatureVerdict.VALID

    revoke(path, watched.signing.id)

    assert watched.verdict() is SignatureVerdict.REVOKED_KEY
    for other in others:
        verdict = other.verify(watched.signing.id, TEXT, watched.signature)
        assert verdict is SignatureVerdict.REVOKED_KEY
    assert watched.keys.current().id == others[0].current().id != watched.signing.id


def test_a_file_copied_over_it_in_place_is_noticed(path: Path, watched: Watched) -> None:
    copy = path.with_name("copy.json")
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o600)
    revoke(copy, watched.signing.id)
    times = path.stat()

    path.write_bytes(copy.read_bytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as `cp -p` would

    assert watched.verdict() is SignatureVerdict.REVOKED_KEY


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Path.unlink, "does not exist"),
        (lambda path: path.write_text('{"format": 1, "ke'), "is broken"),
        (lambda path: path.write_text('{"format": 9, "keys": []}'), "format 9"),
        (lambda path: path.chmod(0o644), "is open to other users"),
    ],
    ids=["removed", "broken", "newer", "open"],
)
def test_a_file_that_becomes_unusable_is_reported_once_and_the_last_keys_stay(
    path: Path, watched: Watched, damage: Callable[[Path], object], words: str
) -> None:
    whole = path.read_bytes()
    damage(path)

    verdicts = {watched.verdict() for _ in range(5)}

    assert verdicts == {SignatureVerdict.VALID}
    assert watched.keys.current().id == watched.signing.id
    [line] = watched.lines()
    assert words in line
    assert "the keys last read stay in use" in line
    assert watched.unusable == [False, True]

    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(whole)

    assert watched.verdict() is SignatureVerdict.VALID
    assert watched.unusable[-1] is False
    assert "is in use again" in watched.lines()[-1]


def test_a_process_without_a_file_takes_it_up_when_it_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "qr-keys.json"
    keys = FileKeys(path)
    [record] = caplog.records
    assert record.getMessage() == (
        f"the file of signing keys {path} does not exist: {key_file.HOW_TO_GET}; "
        "nothing can be signed and no static code can be paid"
    )

    made = key_file.create_if_absent(path, private(5), START)

    assert made is not None
    assert keys.current().id == made.current.id
