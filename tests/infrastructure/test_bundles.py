"""Bundles: what can be read, and what each hostile file is answered with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.audit import bundle, receipt
from domain.audit.errors import EvidenceError, MalformedBundle, NewerFormat
from domain.audit.merkle import hash_leaf, inclusion_proof, nodes_of
from domain.audit.note import Checkpoint, Note
from domain.audit.policy import of_keys
from domain.audit.receipt import Receipt
from domain.audit.vkey import KeyType, SigningKey
from infrastructure.bundles import verify as verification
from infrastructure.bundles.events import to_leaf
from infrastructure.bundles.export import PART_SUFFIX, ExportRefused, export
from infrastructure.bundles.findings import Report
from infrastructure.bundles.tar_file import BLOCK, TarReader, header
from infrastructure.bundles.verify import OldNote, verify
from tests.support import bundles
from tests.support.bundles import KEY, ORIGIN, TRUSTED, Members, MemorySource
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

PROGRAM = [sys.executable, "-I", "-c", "from infrastructure.cli import main; main()"]
VKEY = str(KEY.verifier)


def paying_log(sessions: int) -> MemoryLog:
    """A wallet that pays so many sessions, five events each, after five others."""
    log = MemoryLog()
    ledger = LedgerFixture(log)
    wallet = ledger.open_wallet(10**9)
    for _ in range(sessions):
        session = ledger.create_session()
        ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)), key=str(_))
    return log


LOG = paying_log(60)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.tar"
    bundles.write(LOG, path)
    return path


def changed(good: Path, **members: bytes | None) -> Path:
    """The bundle with other bytes in some members; None removes one."""
    new: Members = bundles.unpack(good)
    for name, data in members.items():
        full = {"commands": bundle.COMMANDS, "manifest": bundle.MANIFEST}.get(name, name)
        if data is None:
            del new[full]
        else:
            new[full] = data
    return bundles.pack(new, good)


def checks(report: Report) -> set[str]:
    return {one.check for one in report.findings}


def test_a_good_bundle_is_proven_and_says_what_it_has(good: Path) -> None:
    note = MemorySource.of(LOG).head(100).note(KEY)

    report = verify(good, TRUSTED, [OldNote("kept", note.encode())])

    assert report.findings == []
    assert (report.origin, report.size, report.first, report.last) == (ORIGIN, 305, 1, 305)
    assert report.signers == [VKEY]
    assert report.notes[0]["is_continued"]
    assert report.read_models["sessions"] == {"position": 305, "rows": 60}
    assert report.read_models["journal"]["rows"] == 122
    assert report.commands == len(LOG.receipts)


def test_tar_reads_the_bundle_too(good: Path) -> None:
    with tarfile.open(good) as tar:
        names = tar.getnames()

    assert names[:5] == [
        "format", "tile/entries/000", "tile/0/000", "tile/entries/001.p/49", "tile/0/001.p/49",
    ]  # fmt: skip
    assert names[-2:] == ["checkpoint", "manifest.json"]


def test_two_processes_find_what_one_finds(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "PARALLEL_EVENTS_MIN", 1)
    rows = bundles.unpack(good)["read_models/balances.ndjson"]

    assert verify(good, TRUSTED).findings == []
    damaged = changed(good, **{"read_models/balances.ndjson": rows.replace(b"USD", b"EUR", 1)})
    assert "rows-equal-the-fold" in checks(verify(damaged, TRUSTED))
    assert verify(damaged, TRUSTED).findings == verify(damaged, TRUSTED, parallel=False).findings


def test_an_interrupted_export_continues(tmp_path: Path) -> None:
    source, path = MemorySource.of(LOG), tmp_path / "ledger.tar"
    note = source.head().note(KEY).encode()
    export(source, note, path)
    whole = path.read_bytes()
    part = tmp_path / ("ledger.tar" + PART_SUFFIX)
    first_pair = BLOCK * 2 + sum(
        BLOCK + -(-len(bundles.unpack(path)[name]) // BLOCK) * BLOCK
        for name in ("tile/entries/000", "tile/0/000")
    )

    for cut in (0, 700, first_pair - 1, first_pair, first_pair + 900, len(whole)):
        path.unlink(missing_ok=True)
        part.write_bytes(whole[:cut])
        done = export(source, note, path)
        assert path.read_bytes() == whole
        assert done.resumed == (256 if cut >= first_pair else 0)
        assert not part.exists()


def test_a_damaged_part_of_an_export_is_written_again(tmp_path: Path) -> None:
    source, path = MemorySource.of(LOG), tmp_path / "ledger.tar"
    note = source.head().note(KEY).encode()
    export(source, note, path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[5000] ^= 1
    (tmp_path / ("ledger.tar" + PART_SUFFIX)).write_bytes(damaged)

    assert export(source, note, path).resumed == 0
    assert path.read_bytes() == whole


def test_a_log_that_does_not_lead_to_its_checkpoint_is_not_exported(tmp_path: Path) -> None:
    honest = MemorySource.of(LOG)
    events = [one._replace(actor="other") if one.position == 7 else one for one in LOG.events]
    rewritten = MemorySource(events, LOG.receipts.values())

    with pytest.raises(ExportRefused, match="do not lead to the root"):
        export(rewritten, honest.head().note(KEY).encode(), tmp_path / "ledger.tar")

    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_within_a_command_or_behind_the_read_models_is_refused(
    tmp_path: Path,
) -> None:
    source = MemorySource.of(LOG)

    with pytest.raises(ExportRefused, match="at position 305"):
        export(source, source.head(300).note(KEY).encode(), tmp_path / "ledger.tar")
    source.models = lambda: dict.fromkeys(bundle.READ_MODELS, 0)  # type: ignore[method-assign]
    with pytest.raises(ExportRefused, match="within the events of a command"):
        export(source, source.head(304).note(KEY).encode(), tmp_path / "ledger.tar")
    longer = Checkpoint(ORIGIN, 306, bytes(32)).note(KEY)
    with pytest.raises(ExportRefused, match="ends or has a gap after position 305"):
        export(source, longer.encode(), tmp_path / "ledger.tar")

    assert list(tmp_path.iterdir()) == []


def member(name: str, data: bytes = b"") -> bytes:
    return header(name, len(data)) + data + bytes(-len(data) % BLOCK)


def special(kind: bytes, name: str = "tile/0/000", target: str = "/etc/passwd") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info.tobuf(tarfile.USTAR_FORMAT)


END = bytes(2 * BLOCK)
FORMAT = member("format", b"qrledger-bundle 1\n")
TARS: dict[str, bytes] = {
    "nothing": b"",
    "text": b"hello" * 500,
    "zeros": END,
    "a gzip": b"\x1f\x8b" + bytes(1000),
    "no end": FORMAT,
    "half an end": FORMAT + bytes(100),
    "cut off in a member": (FORMAT + member("checkpoint", b"x" * 900))[:-600],
    "cut off in a header": FORMAT + header("checkpoint", 5)[:200],
    "something after the end": FORMAT + END + b"x",
    "a path that climbs": FORMAT + member("../checkpoint") + END,
    "a path that climbs within": FORMAT + member("tile/0/../../checkpoint") + END,
    "an absolute path": FORMAT + member("/etc/cron.d/x") + END,
    "a path with a backslash": FORMAT + member("tile\\0\\000") + END,
    "a folder": FORMAT + special(tarfile.DIRTYPE, "tile/0") + END,
    "a symbolic link": FORMAT + special(tarfile.SYMTYPE) + END,
    "a hard link": FORMAT + special(tarfile.LNKTYPE) + END,
    "a device": FORMAT + special(tarfile.CHRTYPE) + END,
    "a pipe": FORMAT + special(tarfile.FIFOTYPE) + END,
    "an extended header": FORMAT + special(tarfile.XHDTYPE) + END,
    "a GNU long name": FORMAT + special(tarfile.GNUTYPE_LONGNAME) + END,
    "a sparse file": FORMAT + special(tarfile.GNUTYPE_SPARSE) + END,
    "a member twice": FORMAT + FORMAT + END,
    "an unknown member": FORMAT + member("readme.txt") + END,
    "an unknown read model": FORMAT + member("read_models/secrets.ndjson") + END,
    "a tile of another level": FORMAT + member("tile/1/000") + END,
    "a tile that is too large": FORMAT + member("tile/0/000", bytes(8193)) + END,
    "a second path of a tile": FORMAT + member("tile/0/x000/000") + END,
    "a huge member": FORMAT + header("commands.ndjson", 8**11 - 1) + bytes(5000),
    "a huge note": FORMAT + member("checkpoint", bytes(70_000)) + END,
    "a wrong checksum": FORMAT + member("checkpoint")[:150] + b"9" + member("checkpoint")[151:] + END,
    "a negative size": FORMAT + member("checkpoint").replace(b"00000000000\0", b"-0000000001\0", 1) + END,
    "a name with a NUL": FORMAT + header("checkpoint\0x", 0) + END,
}  # fmt: skip


@pytest.mark.parametrize("name", TARS)
def test_a_hostile_tar_is_refused_with_a_named_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.tar"
    path.write_bytes(TARS[name])

    with pytest.raises(MalformedBundle):
        verify(path, TRUSTED)

    assert [one.name for one in tmp_path.iterdir()] == ["hostile.tar"]


def test_a_second_checkpoint_in_a_good_bundle_is_refused(good: Path) -> None:
    note = bundles.unpack(good)["checkpoint"]
    good.write_bytes(good.read_bytes()[: -len(END)] + member("checkpoint", note) + END)

    with pytest.raises(MalformedBundle, match="checkpoint is there twice"):
        verify(good, TRUSTED)


def test_what_is_no_ordinary_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(MalformedBundle):
            verify(path, TRUSTED)
    with pytest.raises(OSError, match="No such file"):
        verify(tmp_path / "none", TRUSTED)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"qrledger-bundle 2\n", NewerFormat),
        (b"qrledger-bundle 999\n", NewerFormat),
        (b"qrledger-bundle 1", MalformedBundle),
        (b"qrledger-bundle 1\r\n", MalformedBundle),
        (b"qrledger-bundle 01\n", MalformedBundle),
        (b"", MalformedBundle),
    ],
)
def test_another_format_is_refused(data: bytes, error: type[EvidenceError], good: Path) -> None:
    with pytest.raises(error):
        verify(changed(good, format=data), TRUSTED)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 60_000, b'{"read_models": []}',
     b'{"format": 1, "size": 1, "first": 1, "last": 1, "commands": 1, "read_models": {"a": 1}}',
     b'{"format": 1, "size": -1, "first": 1, "last": 1, "commands": 1, "read_models": {}}',
     b'{"format": 1, "size": 1e3, "first": 1, "last": 1, "commands": 1, "read_models": {}}',
     b'{"format": 1, "size": true, "first": 1, "last": 1, "commands": 1, "read_models": {}}',
     b'{"format": 1, "size": 1, "first": 1, "last": 1, "commands": 1, "read_models": {}, "x": 1}',
     b'{"format": 2, "size": 1, "first": 1, "last": 1, "commands": 1, "read_models": {}}'],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_manifest_is_refused(data: bytes, good: Path) -> None:
    with pytest.raises(MalformedBundle):
        verify(changed(good, manifest=data), TRUSTED)


@pytest.mark.parametrize(
    "line",
    [b"{}", b"null", b"\xff", b"[" * 2000, b'{"position": 1}', b"", b"1" * 300],
    ids=range(7),
)
@pytest.mark.parametrize("name", [bundle.COMMANDS, *map(bundle.model_member, bundle.READ_MODELS)])
def test_a_line_that_is_no_row_is_found(line: bytes, name: str, good: Path) -> None:
    rest = bundles.unpack(good)[name]

    report = verify(changed(good, **{name: line + b"\n" + rest}), TRUSTED)

    assert checks(report) & {"rows-equal-the-fold", "receipts-agree"}


@pytest.mark.parametrize("name", ["sessions", "wallet_payments", "balances", "journal"])
def test_a_row_that_is_there_twice_is_found(name: str, good: Path) -> None:
    members = bundles.unpack(good)
    first, _, _ = members[bundle.model_member(name)].partition(b"\n")
    document = json.loads(members[bundle.MANIFEST])
    document["read_models"][name]["rows"] += 1
    members[bundle.MANIFEST] = json.dumps(document).encode()
    members[bundle.model_member(name)] += first + b"\n"

    assert "rows-equal-the-fold" in checks(verify(bundles.pack(members, good), TRUSTED))


@pytest.mark.parametrize(
    "change",
    [{"recorded_at": "2026-01-01T00:00:00"}, {"recorded_at": "9999-12-31T23:59:59-23:00"},
     {"recorded_at": "0001-01-01T00:00:00Z"}, {"first_position": -1}, {"last_position": 2**70},
     {"first_position": 1.5}, {"fingerprint": "x"}, {"first_position": None}],
    ids=str,
)  # fmt: skip
def test_a_receipt_with_an_odd_value_is_found(change: dict[str, object], good: Path) -> None:
    first, _, rest = bundles.unpack(good)[bundle.COMMANDS].partition(b"\n")
    odd = json.dumps(json.loads(first) | change).encode()

    report = verify(changed(good, commands=odd + b"\n" + rest), TRUSTED)

    assert "receipts-agree" in checks(report)


def test_a_line_without_an_end_and_one_that_is_too_long_are_refused(good: Path) -> None:
    for data in (b"x", b"x" * (3 * bundle.LINE_BYTES_MAX)):
        with pytest.raises(MalformedBundle):
            verify(changed(good, commands=data), TRUSTED)


def test_a_part_never_claims_to_be_whole(good: Path) -> None:
    members = bundles.unpack(good)
    document = json.loads(members[bundle.MANIFEST]) | {"first": 257}
    del members["tile/entries/000"]

    report = verify(
        bundles.pack(members | {bundle.MANIFEST: json.dumps(document).encode()}, good), TRUSTED
    )

    assert not report.is_proven
    assert "nothing is claimed about the rest" in report.findings[0].text


def exported_part(path: Path, first: int, last: int) -> Path:
    source = MemorySource.of(LOG)
    export(source, source.head().note(KEY).encode(), path, part=(first, last))
    return path


def test_a_part_has_its_events_and_is_in_the_log_but_never_proven(tmp_path: Path) -> None:
    path = exported_part(tmp_path / "part.tar", 260, 270)
    older = MemorySource.of(LOG).head(100).note(KEY)

    report = verify(path, TRUSTED, [OldNote("kept", older.encode())])

    assert set(bundles.unpack(path)) == {
        "format", "tile/0/000", "tile/entries/001.p/49", "tile/0/001.p/49", "checkpoint",
        "manifest.json",
    }  # fmt: skip
    assert not report.is_proven
    assert [one.text for one in report.findings] == [
        "this is a part: positions 257 to 305 of 305, and nothing is claimed about the rest"
    ]
    assert report.notes[0]["is_continued"]
    assert run("verify", path, "--vkey", VKEY).returncode == 1


def test_an_event_of_a_part_that_was_changed_is_found(tmp_path: Path) -> None:
    path = exported_part(tmp_path / "part.tar", 1, 1)
    members = bundles.unpack(path)
    entries = members["tile/entries/000"].replace(b'"amount_minor":1000', b'"amount_minor":9000', 1)

    report = verify(bundles.pack(members | {"tile/entries/000": entries}, path), TRUSTED)

    assert report.first_bad is not None
    assert (report.first_bad.check, report.first_bad.position > 0) == ("leaf-hash", True)


def test_a_tile_of_a_part_that_was_changed_is_found(tmp_path: Path) -> None:
    path = exported_part(tmp_path / "part.tar", 1, 1)
    members = bundles.unpack(path)
    tile = members["tile/0/001.p/49"]
    other = {"tile/0/001.p/49": bytes([tile[0] ^ 1]) + tile[1:]}

    assert checks(verify(bundles.pack(members | other, path), TRUSTED)) == {"parts", "root"}


@pytest.mark.parametrize(("first", "last"), [(0, 1), (2, 1), (1, 306), (306, 306)])
def test_a_part_beyond_the_checkpoint_is_not_exported(
    first: int, last: int, tmp_path: Path
) -> None:
    with pytest.raises(ExportRefused, match="from 1 to 305"):
        exported_part(tmp_path / "part.tar", first, last)

    assert list(tmp_path.iterdir()) == []


def test_a_part_of_everything_is_the_whole(tmp_path: Path) -> None:
    assert verify(exported_part(tmp_path / "all.tar", 1, 305), TRUSTED).is_proven


@pytest.mark.parametrize("change", [{"first": 2}, {"last": 300}, {"first": 0}, {"commands": 1}])
def test_a_part_with_another_range_than_its_members_is_found(
    change: dict[str, int], tmp_path: Path
) -> None:
    path = exported_part(tmp_path / "part.tar", 257, 305)
    members = bundles.unpack(path)
    document = json.loads(members[bundle.MANIFEST]) | change
    bundles.pack(members | {bundle.MANIFEST: json.dumps(document).encode()}, path)

    assert len(verify(path, TRUSTED).findings) >= 2


def test_an_empty_ledger_has_no_checkpoint_and_no_bundle(tmp_path: Path) -> None:
    source = MemorySource([], [])
    note = source.head().note(KEY)

    export(source, note.encode(), tmp_path / "empty.tar")

    assert verify(tmp_path / "empty.tar", TRUSTED).is_proven


def test_the_checkpoint_of_another_log_and_another_key_are_named(good: Path) -> None:
    other = SigningKey.of("other.example/log", KeyType.NOTE, bytes(32))
    stranger = SigningKey.of(ORIGIN, KeyType.NOTE, bytes(32))

    for key, code in ((other, "other-log"), (stranger, "unknown-signer")):
        report = verify(good, of_keys(key.verifier))
        assert [one.check for one in report.findings] == ["signatures"]
        assert code in report.findings[0].text


def test_an_older_note_must_be_signed_by_the_log(good: Path) -> None:
    head = MemorySource.of(LOG).head(100)
    stranger = SigningKey.of(ORIGIN, KeyType.NOTE, bytes(32))
    forged = Note(head.text, ()).signed_by(stranger)

    report = verify(good, TRUSTED, [OldNote("forged", forged.encode())])

    assert checks(report) == {"older-note"}
    with pytest.raises(EvidenceError):
        verify(good, TRUSTED, [OldNote("broken", forged.encode().replace(b"\n", b"\r\n"))])


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "audit", *map(str, arguments)]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(  # no database, no settings
        command, capture_output=True, text=True, check=False, env=environment
    )


def test_the_program_exits_with_0_1_and_2(good: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.note"
    older.write_bytes(MemorySource.of(LOG).head(100).note(KEY).encode())
    proven = run("verify", good, "--vkey", VKEY, "--from", older, "--json")
    document = json.loads(proven.stdout)
    stranger = str(SigningKey.of(ORIGIN, KeyType.NOTE, bytes(32)).verifier)

    assert (proven.returncode, document["is_proven"], document["size"]) == (0, True, 305)
    not_proven = run("verify", good, "--vkey", stranger)
    assert not_proven.returncode == 1
    assert "NOT PROVEN" in not_proven.stdout
    assert "no trusted key has signed" in not_proven.stderr
    good.write_bytes(good.read_bytes()[:5000])
    cut = run("verify", good, "--vkey", VKEY)
    assert cut.returncode == 2
    assert cut.stderr.endswith("(malformed-bundle)\n")
    assert cut.stderr.count("\n") == 1


def test_an_older_note_that_is_none_is_named(good: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.note"
    broken.write_bytes(MemorySource.of(LOG).head(9).note(KEY).encode().replace(b"\n", b"\r\n"))

    ended = run("verify", good, "--vkey", VKEY, "--from", broken)

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"qrledger: {broken}: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "/nonexistent/x.tar", "--vkey", VKEY],
        ["verify", "/etc", "--vkey", VKEY],
        ["verify", "x.tar"],
        ["verify", "x.tar", "--vkey", "hello"],
        ["verify", "x.tar", "--vkey", VKEY, "--from", "/nonexistent"],
        ["verify", "x.tar", "--policy", "/nonexistent"],
        ["verify", "x.tar", "--policy", "/etc/passwd"],
        ["receipt", "/etc/passwd", "--vkey", VKEY],
        ["verify"],
        ["verify", "x.tar", "--vkey", VKEY, "--no-such-option"],
        ["verify", "x.tar", "y.tar", "--vkey", VKEY],
        ["verify", "x.tar", "--vkey"],
        ["no-such-command"],
    ],
    ids=range(13),
)
def test_wrong_usage_exits_with_2_and_one_line(arguments: list[str]) -> None:
    ended = run(*arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("qrledger: ")
    assert ended.stderr.count("\n") == 1


def test_the_program_checks_a_receipt(tmp_path: Path) -> None:
    source = MemorySource.of(LOG)
    hashes = [hash_leaf(to_leaf(one)) for one in source.events]
    proof = inclusion_proof(20, len(hashes), nodes_of(hashes))
    good = Receipt(to_leaf(source.events[20]), 20, proof, source.head().note(KEY))
    path = tmp_path / "payment.tlog-proof"
    path.write_bytes(good.encode())

    proven = run("receipt", path, "--vkey", VKEY, "--json")

    document = json.loads(proven.stdout)
    assert (proven.returncode, document["position"]) == (0, 21)
    assert document["type"] == source.events[20].topic
    path.write_bytes(good.encode().replace(b"index 20", b"index 21"))
    assert run("receipt", path, "--vkey", VKEY).returncode == 1
    assert receipt.parse(good.encode()) == good


def test_a_reader_that_is_closed_leaves_no_open_file(good: Path) -> None:
    opened: Callable[[], int] = lambda: len(os.listdir("/proc/self/fd"))  # noqa: E731, PTH208
    before = opened()

    tar = TarReader(good)
    tar.close()
    with pytest.raises(MalformedBundle):
        verify(changed(good, format=b"x"), TRUSTED)

    assert opened() == before
