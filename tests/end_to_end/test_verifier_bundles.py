"""The verifier's page and the auditor in Python find the same in the hashes of bundles (with Node)."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.audit import bundle
from domain.audit.errors import EvidenceError
from infrastructure.bundles.tar_file import TarWriter
from infrastructure.bundles.verify import OldNote, verify
from tests.support import bundles
from tests.support.bundles import KEY, TRUSTED, Members
from tests.support.verifier import bundle_job, run
from tests.tampering.history import History, history
from tests.tampering.kinds import KINDS, STRANGER

pytestmark = pytest.mark.e2e

VKEY = f"{KEY.verifier}\n".encode()
SEED = 20261122
TRIALS = 4
"""Of every kind of tampering."""
DAMAGES = 60

Said = tuple[str, frozenset[tuple[str, int]]]
"""The verdict, and what was found at which positions."""


@pytest.fixture(scope="module")
def untouched() -> History:
    return history(1000)


def judged(path: Path, older: Sequence[bytes]) -> Said:
    """What the auditor in Python finds in the hashes."""
    notes = [OldNote(f"{n}", one) for n, one in enumerate(older)]
    try:
        report = verify(path, TRUSTED, notes, hashes_only=True)
    except EvidenceError as error:
        return "unreadable", frozenset({(error.code, 0)})
    found = {(one.check, one.position) for one in report.findings} - {
        ("rules", 0),
        ("consistency", 0),
    }
    return ("not-proven" if found else "proven"), frozenset(found)


def agree(paths: Sequence[Path], older: Sequence[bytes]) -> list[Said]:
    """Both say the same of every bundle; returns what they said."""
    outcomes = run([bundle_job(path, VKEY, older) for path in paths])
    said: list[Said] = []
    for path, outcome in zip(paths, outcomes, strict=True):
        found = {(one["check"], one["position"]) for one in outcome["findings"]}
        if outcome["verdict"] == "unreadable":
            found = {(outcome["code"], 0)}
        said.append((outcome["verdict"], frozenset(found)))
        assert said[-1] == judged(path, older), path.name
    return said


def test_an_untouched_bundle_is_proven_and_continues_older_checkpoints(
    tmp_path: Path, untouched: History
) -> None:
    path = bundles.pack(untouched.members, tmp_path / "ledger.tar")
    notes = [untouched.older.encode(), untouched.note.encode()]

    [outcome] = run([bundle_job(path, VKEY, notes)])

    assert (outcome["verdict"], outcome["findings"]) == ("proven", [])
    head = untouched.source.head()
    assert (outcome["origin"], outcome["size"], outcome["root"]) == (
        head.origin,
        head.size,
        head.root.hex(),
    )


def test_every_kind_of_tampering_is_found_in_both_or_in_neither(
    tmp_path: Path, untouched: History
) -> None:
    pick = random.Random(SEED)
    paths = []
    for number, (name, tamper) in enumerate(list(KINDS.items()) * TRIALS):
        members = tamper(pick, untouched).members
        paths.append(bundles.pack(members, tmp_path / f"{number} {name}.tar"))

    said = agree(paths, [untouched.older.encode(), untouched.note.encode()])

    kept = [
        path.name for path, (verdict, _) in zip(paths, said, strict=True) if verdict == "proven"
    ]
    # What is no part of the tree is the business of the program's other checks.
    assert all(
        any(one in name for one in ("row", "receipt", "manifest", "older bundle")) for name in kept
    )
    assert {verdict for verdict, _ in said} == {"proven", "not-proven", "unreadable"}


def test_bundles_of_no_events_one_event_and_one_full_tile(
    tmp_path: Path, untouched: History
) -> None:
    paths = []
    for size in (1, 2, 255, 256, 257):
        source = bundles.MemorySource(
            untouched.source.events[:size], untouched.source.receipts(size)
        )
        members = bundles.exported(source, source.head().note(KEY))
        paths.append(bundles.pack(members, tmp_path / f"{size}.tar"))
    empty = bundles.MemorySource([], [])
    paths.append(bundles.pack(bundles.exported(empty, empty.head().note(KEY)), tmp_path / "0.tar"))

    said = agree(paths, [])

    assert {verdict for verdict, _ in said} == {"proven"}


def test_files_that_are_no_bundles_are_unreadable(tmp_path: Path, untouched: History) -> None:
    whole = bundles.pack(untouched.members, tmp_path / "whole.tar").read_bytes()
    pick = random.Random(SEED)
    texts = [
        b"",
        bytes(512),
        bytes(1024),
        whole[:-1024],
        whole[:-512],
        whole + b"x",
        whole + bytes(4096),
        b"x" + whole,
    ]
    texts += [whole[: pick.randrange(len(whole))] for _ in range(DAMAGES)]
    for _ in range(DAMAGES):
        at = 512 * pick.randrange(8) + pick.randrange(345)
        texts.append(whole[:at] + bytes([whole[at] ^ 1 << pick.randrange(8)]) + whole[at + 1 :])
    texts += [odd(untouched.members, name, data) for name, data in ODD_MEMBERS]
    texts += [
        special(kind)
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)
    ]
    paths = []
    for number, data in enumerate(texts):
        paths.append(tmp_path / f"{number}.tar")
        paths[-1].write_bytes(data)

    said = agree(paths, [untouched.note.encode()])

    assert sum(verdict == "unreadable" for verdict, _ in said) > DAMAGES


ODD_MEMBERS = [
    ("../../etc/passwd", b"x"), ("/format", b"x"), ("tile/1/000", b"x" * 32), ("tile/0/0", b""), ("tile/0/x000/000", b""),
    ("tile/0/000.p/256", b""), ("tile/0/000.p/0", b""), ("tile/0/001", b"x" * 8193), ("read_models/other.ndjson", b""),
    ("FORMAT", b""), (bundle.FORMAT_MEMBER, b"qrledger-bundle 2\n"), (bundle.FORMAT_MEMBER, b"qrledger-bundle 01\n"),
    (bundle.MANIFEST, b"{}"), (bundle.MANIFEST, b"[]"), (bundle.MANIFEST, b"[" * 60_000), (bundle.MANIFEST, b'{"format": 1.0}'),
    (bundle.MANIFEST, b"\xff"), (bundle.CHECKPOINT, b"x"), (bundle.CHECKPOINT, b"a\n1\nb\n\n\xe2\x80\x94 a b\n"),
]  # fmt: skip


def odd(members: Members, name: str, data: bytes) -> bytes:
    """A bundle with one member more, or another one in place of it."""
    buffer = io.BytesIO()
    writer = TarWriter(buffer)
    for one, content in (members | {name: data}).items():
        writer.add(one, content)
    writer.finish()
    return buffer.getvalue()


def special(kind: bytes) -> bytes:
    """A tar with something else than an ordinary file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("format")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    return buffer.getvalue()


def test_older_checkpoints_that_prove_nothing_are_refused(
    tmp_path: Path, untouched: History
) -> None:
    path = bundles.pack(untouched.members, tmp_path / "ledger.tar")
    ahead = untouched.source.head()
    notes = [
        type(ahead)(ahead.origin, ahead.size + 5, ahead.root).note(KEY),
        type(ahead)(ahead.origin, ahead.size // 2, bytes(32)).note(KEY),
        type(ahead)("other.example/log", 3, ahead.root).note(KEY),
        untouched.source.head(7).note(STRANGER),
    ]

    for note in notes:
        [(verdict, _)] = agree([path], [note.encode()])

        assert verdict == "not-proven"
    assert agree([path], [b"no note"])[0][0] == "unreadable"
