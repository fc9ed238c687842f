"""The two processes of a verification: what one of them leaves out is never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.audit import bundle
from domain.audit import leaf as leaves
from domain.audit.errors import MalformedBundle
from infrastructure.bundles import grouping, second, spool
from infrastructure.bundles import verify as verification
from infrastructure.bundles.distribution import EVENTS, Distribution
from infrastructure.bundles.events import to_leaf
from infrastructure.bundles.group_file import FileResult, GroupFiles
from infrastructure.bundles.second import SecondProcess, check_covered
from infrastructure.bundles.spool import Spool
from infrastructure.bundles.tar_file import TarReader
from infrastructure.bundles.verify import verify
from tests.support import bundles
from tests.support.bundles import TRUSTED
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

LOG = MemoryLog()
LEDGER = LedgerFixture(LOG)
WALLET = LEDGER.open_wallet(10**9)
for number in range(20):
    session = LEDGER.create_session()
    LEDGER.send(LEDGER.pay(session, WALLET, LEDGER.claim_session(session, WALLET)), key=str(number))
SIZE = len(LOG.events)
FILES = 4
DIES_WITH_A_FILE = "import os, sys; os.read(int(sys.argv[3]), 1); os._exit(1)"
KEEPS_A_FILE_TO_ITSELF = """
import os, sys
from infrastructure.bundles.second import main
os.read(int(sys.argv[3]), 1)
main(*sys.argv[1:])
"""
CHECKS_A_FILE_OF_THE_OTHER = """
import sys
from infrastructure.bundles import second
taken = second._take
second._take = lambda queue: [*taken(queue), 0]
second.GroupFiles.check = lambda files, number: second.FileResult(number, 0, 0, {}, {}, [])
second.main(*sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "PARALLEL_EVENTS_MIN", 1)
    monkeypatch.setattr(grouping, "GROUP_EVENTS", -(-SIZE // FILES))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.tar"
    bundles.write(LOG, path)
    return path


@pytest.fixture
def distributed(good: Path, tmp_path: Path) -> Path:
    """The folder with the files of all groups, complete."""
    folder = tmp_path / "groups"
    folder.mkdir()
    distribution, tar = Distribution(folder, SIZE), TarReader(good)
    for recorded in LOG.events:
        distribution.add(leaves.decode(to_leaf(recorded)))
    distribution.finish(tar)
    tar.close()
    assert distribution.count == FILES
    return folder


def result(number: int, events: int) -> FileResult:
    return FileResult(number, events, 0, {}, {}, [])


def test_the_second_process_takes_what_the_first_one_leaves(good: Path, distributed: Path) -> None:
    with SecondProcess(good, distributed) as process:
        left = process.share(FILES)

        found = process.result()

        assert list(left) == []
    check_covered(found.files, FILES, SIZE)
    assert [one.number for one in found.files] == list(range(FILES))
    assert [one.violations for one in found.files] == [[]] * FILES
    assert found.whole.violations == []


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise SystemExit(3)", "has failed"),
        ("import os; os.abort()", "has failed"),
        (DIES_WITH_A_FILE, "has failed"),
        ("import os, sys; sys.stdin.read", "without a result"),
        ("import os; os.write(1, b'\\x80')", "without a result"),
        (CHECKS_A_FILE_OF_THE_OTHER, "every file of groups once"),
    ],
)
def test_a_dead_or_lying_process_is_an_error(
    program: str, reason: str, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second, "_PROGRAM", program)

    with pytest.raises(MalformedBundle, match=reason):
        verify(good, TRUSTED)


def test_a_file_that_a_process_took_and_did_not_check_is_missed(
    good: Path, distributed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second, "_PROGRAM", KEEPS_A_FILE_TO_ITSELF)

    with SecondProcess(good, distributed) as process:
        process.share(FILES)
        found = process.result()

    assert [one.number for one in found.files] == list(range(1, FILES))
    with pytest.raises(MalformedBundle, match="every file of groups once"):
        check_covered(found.files, FILES, SIZE)


@pytest.mark.parametrize(
    "files",
    [
        [result(0, 9)],
        [result(0, 9), result(2, 0)],
        [result(0, 9), result(1, 0), result(1, 0)],
        [result(0, 9), result(1, 0), result(2, 0)],
        [result(0, 8), result(1, 0)],
        [result(0, 8), result(1, 2)],
    ],
)
def test_two_files_of_nine_events_are_covered_by_their_results_only(
    files: list[FileResult],
) -> None:
    check_covered([result(1, 0), result(0, 9)], 2, 9)

    with pytest.raises(MalformedBundle):
        check_covered(files, 2, 9)


def test_a_file_that_is_missing_or_cut_off_is_an_error(good: Path, distributed: Path) -> None:
    tar = TarReader(good)
    files = GroupFiles(distributed, bundle.parse_manifest(tar.read(bundle.MANIFEST)))
    tar.close()
    first, other = (distributed / f"{EVENTS}-{number}" for number in (0, 1))

    first.unlink()
    other.write_bytes(other.read_bytes()[:-1])

    with pytest.raises(FileNotFoundError):
        files.check(0)
    with pytest.raises(EOFError):
        files.check(1)


def test_a_spool_gives_back_its_records_in_their_order_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "PENDING_BYTES", 1000)
    records = [(number % 3, bytes([number]) * number) for number in range(100)]
    written = Spool(tmp_path, "kind", 4)

    for number, data in records:
        written.add(number, data, len(data))
    written.finish()

    for number in range(4):
        expected = [data for file, data in records if file == number]
        assert list(spool.read(tmp_path, "kind", number)) == expected
    assert list(tmp_path.iterdir()) == []
