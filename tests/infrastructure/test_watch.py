"""`audit watch`: what it trusts, what it raises an alarm about, and what it takes from a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest
from click.testing import CliRunner, Result

from domain.audit import leaf as leaves
from domain.audit.errors import EvidenceError
from domain.audit.merkle import hash_leaf, nodes_of, root_of
from domain.audit.note import Checkpoint, Note
from domain.audit.policy import Policy, parse
from domain.audit.tiles import TILE_HEIGHT, TILE_WIDTH, encode_bundle, parse_path
from domain.audit.vkey import KeyType, SigningKey
from infrastructure.bundles.events import to_leaf
from infrastructure.cli import program
from infrastructure.watching.client import BadAddress, LogClient, NoAnswer, NotThere, check_address
from infrastructure.watching.kept_note import KeptNote
from infrastructure.watching.metrics import WatchMetrics
from infrastructure.watching.watch import Alarm, AlarmKind, Watch
from tests.support.bundles import KEY, ORIGIN, TRUSTED
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

WITNESS = SigningKey.of("witness.example/w", KeyType.COSIGNATURE, bytes(range(1, 33)))
DAY = 86_400


def paying_log(sessions: int) -> list[bytes]:
    """The leaves of a wallet that pays so many sessions."""
    ledger = LedgerFixture(log := MemoryLog())
    wallet = ledger.open_wallet(10**9)
    for number in range(sessions):
        session = ledger.create_session()
        pay = ledger.pay(session, wallet, ledger.claim_session(session, wallet))
        ledger.send(pay, key=str(number))
    return [to_leaf(one) for one in log.events]


LEAVES = paying_log(130)


class ServedLog:
    """The public API of a log, over leaves in memory."""

    def __init__(self, size: int = 300) -> None:
        self.leaves = list(LEAVES)
        self.size = size
        self.missing: set[str] = set()
        self.is_down = False
        self.signers = [KEY]
        self.head: bytes | None = None
        self.policy = f"log {KEY.verifier}\nquorum none\n".encode()
        self.cosigned_at: int | None = None
        self.asked: list[str] = []
        self.other_entries: tuple[bytes, bytes] | None = None

    @property
    def hashes(self) -> list[bytes]:
        return [hash_leaf(one) for one in self.leaves[: self.size]]

    def note(self) -> Note:
        note = Checkpoint(ORIGIN, self.size, root_of(self.hashes)).note(*self.signers)
        at = self.cosigned_at
        return note if at is None else note.signed_by(WITNESS, time=at)

    def get(self, path: str, bytes_max: int) -> bytes:
        self.asked.append(path)
        if self.is_down:
            raise NoAnswer(path)
        if path in self.missing:
            raise NotThere(path)
        if path == "policy":
            return self.policy
        if path == "checkpoint":
            return self.head or self.note().encode()
        tile = parse_path(path)
        first = tile.index * TILE_WIDTH
        if tile.level is None:
            data = encode_bundle(self.leaves[first : first + tile.width])
            if self.other_entries is not None:
                data = data.replace(*self.other_entries)
        else:
            nodes = nodes_of(self.hashes)
            level = tile.level * TILE_HEIGHT
            data = b"".join(nodes(level, first + n) for n in range(tile.width))
        assert len(data) <= bytes_max
        return data


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


class Watching:
    """A watcher of a log that is served from memory, started anew for each look."""

    def __init__(self, path: Path, policy: Policy = TRUSTED) -> None:
        self.path, self.policy = path, policy
        self.log, self.now = ServedLog(), Clock()
        self.entries, self.stalled_seconds = False, DAY

    def look(self) -> int:
        return self.watch().look().size

    def watch(self) -> Watch:
        return Watch(
            self.log, self.policy, KeptNote(self.path), now=self.now,
            stalled_seconds=self.stalled_seconds, entries=self.entries,
        )  # fmt: skip

    def alarm(self) -> AlarmKind:
        with pytest.raises(Alarm) as caught:
            self.look()
        return caught.value.kind


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    return Watching(tmp_path / "log.note")


def test_a_growing_log_is_followed_and_the_newest_head_is_kept(watching: Watching) -> None:
    for size in (1, 1, 255, 256, 257, 300, 511, 512, 600):
        watching.log.size = size

        assert watching.look() == size

        assert watching.path.read_bytes() == watching.log.note().encode()


def test_only_the_tiles_after_the_trusted_head_are_read_again(watching: Watching) -> None:
    watching.log.size = 600
    watching.look()
    watching.log.asked.clear()

    watching.look()
    assert watching.log.asked == ["checkpoint"]

    watching.log.size = 610
    watching.look()
    assert "tile/0/002.p/98" in watching.log.asked
    assert "tile/0/000" not in watching.log.asked


def test_a_rollback_is_an_alarm_and_the_trusted_head_stays(watching: Watching) -> None:
    watching.look()
    kept = watching.path.read_bytes()
    watching.log.size = 299

    assert watching.alarm() is AlarmKind.ROLLBACK
    assert watching.path.read_bytes() == kept


@pytest.mark.parametrize("size", [300, 301, 520])
def test_a_rewritten_event_that_was_sealed_is_a_fork(size: int, watching: Watching) -> None:
    watching.look()
    watching.log.leaves[150] = watching.log.leaves[151]
    watching.log.size = size

    assert watching.alarm() is AlarmKind.FORK


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/0/002.p/88"])
def test_a_missing_tile_is_an_alarm(path: str, watching: Watching) -> None:
    watching.log.size = 10
    watching.look()
    watching.log.size = 600
    watching.log.missing = {path}

    assert watching.alarm() is AlarmKind.MISSING_TILES


def test_tiles_of_another_tree_than_the_heads_are_an_alarm(watching: Watching) -> None:
    watching.look()
    watching.log.size = 400
    watching.log.head = watching.log.note().encode()
    for index in (150, 350):
        honest, watching.log.leaves[index] = watching.log.leaves[index], b"x"

        assert watching.alarm() is AlarmKind.MISSING_TILES
        watching.log.leaves[index] = honest


def test_a_head_that_nobody_trusted_has_signed_is_an_alarm(watching: Watching) -> None:
    watching.look()
    watching.log.size = 310
    watching.log.signers = [SigningKey.of(ORIGIN, KeyType.NOTE, bytes(32))]

    assert watching.alarm() is AlarmKind.NOT_SIGNED


@pytest.mark.parametrize(
    "head", [b"", b"\0", b"hello", b"a\nb\nc\n\nd\n", b"\xff" * 50], ids=range(5)
)
def test_a_head_that_is_no_checkpoint_is_an_alarm(head: bytes, watching: Watching) -> None:
    watching.log.head = head or b"\n"

    assert watching.alarm() is AlarmKind.NOT_SIGNED


def test_the_quorum_of_the_policy_is_demanded_of_every_head(tmp_path: Path) -> None:
    text = f"log {KEY.verifier}\nwitness w {WITNESS.verifier}\nquorum w\n"
    watching = Watching(tmp_path / "log.note", parse(text.encode()))

    assert watching.alarm() is AlarmKind.NOT_COSIGNED
    assert not watching.path.exists()
    watching.log.cosigned_at = 1_800_000_000
    assert watching.look() == 300


def test_a_head_that_stays_the_same_is_stalled_unless_it_is_cosigned_again(tmp_path: Path) -> None:
    text = f"log {KEY.verifier}\nwitness w {WITNESS.verifier}\nquorum w\n"
    watching = Watching(tmp_path / "log.note", parse(text.encode()))
    watching.log.cosigned_at = 1_800_000_000
    watching.look()

    watching.now.seconds += DAY - 1
    watching.log.cosigned_at += 3600
    watching.look()
    watching.now.seconds += DAY - 1
    watching.look()
    watching.now.seconds += 2

    assert watching.alarm() is AlarmKind.STALLED


def test_a_server_that_does_not_answer_is_stalled_after_a_while(watching: Watching) -> None:
    watching.look()
    watching.log.is_down = True
    with pytest.raises(NoAnswer):
        watching.look()
    watching.now.seconds += DAY + 1

    assert watching.alarm() is AlarmKind.STALLED
    watching.stalled_seconds = 0
    with pytest.raises(NoAnswer):
        watching.look()


def test_the_events_are_read_and_compared_with_an_auditors_key(watching: Watching) -> None:
    watching.entries = True
    watching.look()
    watching.log.size = 600

    assert watching.look() == 600
    assert "tile/entries/001" in watching.log.asked


def test_an_event_that_is_not_in_the_tree_or_out_of_order_is_an_alarm(watching: Watching) -> None:
    watching.entries = True
    watching.look()
    watching.log.size = 400
    honest = watching.log.leaves[350]
    leaf = leaves.decode(honest)
    other = leaves.encode(leaf._replace(schema_version=leaf.schema_version + 1))
    for changed in (
        b"no leaf",
        leaves.encode(leaf._replace(position=9)),
        leaves.encode(leaf._replace(recorded_at_us=1)),
        leaves.encode(leaf._replace(topic="wallet.invented")),
        leaves.encode(leaf._replace(state=b"{")),
    ):
        watching.log.leaves[350] = changed
        assert watching.alarm() is AlarmKind.BAD_EVENT

    watching.log.leaves[350] = honest
    watching.log.other_entries = (honest, other)
    assert watching.alarm() is AlarmKind.BAD_EVENT


def test_a_key_that_the_log_names_and_nobody_trusts_is_told(watching: Watching) -> None:
    new = SigningKey.of(ORIGIN, KeyType.NOTE, bytes(32)).verifier
    watching.log.policy = f"log {new}\nlog {KEY.verifier}\nquorum none\n".encode()

    assert watching.watch().unknown_keys() == [str(new)]


def test_a_kept_note_of_another_log_is_refused(watching: Watching) -> None:
    other = SigningKey.of("other.example/log", KeyType.NOTE, bytes(32))
    watching.path.write_bytes(Checkpoint("other.example/log", 1, bytes(32)).note(other).encode())

    with pytest.raises(EvidenceError):
        watching.watch()


def answers(response: httpx2.Response) -> LogClient:
    return LogClient(
        "https://pay.example", transport=httpx2.MockTransport(lambda _request: response)
    )


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 1000


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(302, headers={"Location": "https://elsewhere.example/"}),
        httpx2.Response(503),
        httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx2.ByteStream(b"x")),
        httpx2.Response(200, stream=httpx2.ByteStream(b"x" * 101)),
        httpx2.Response(200, content=endless()),
    ],
    ids=["redirect", "unavailable", "compressed", "too long", "endless"],
)
def test_only_a_plain_short_answer_is_taken(response: httpx2.Response) -> None:
    with pytest.raises(NoAnswer):
        answers(response).get("checkpoint", 100)


def test_what_is_not_there_is_told_apart() -> None:
    with pytest.raises(NotThere):
        answers(httpx2.Response(404)).get("tile/0/000", 100)
    whole = httpx2.Response(200, stream=httpx2.ByteStream(b"x" * 100))
    assert answers(whole).get("checkpoint", 100) == b"x" * 100


@pytest.mark.parametrize(
    "url",
    ["", "pay.example", "ftp://pay.example", "http://pay.example", "https://", "https://a@b",
     "https://pay.example/path", "https://pay.example?x=1", "https://pay.example#x",
     "https://pay.example:0", "https://pay.example:x", "https://pay .example", "https://ex\u00e4mple",
     "https://pay.example\\@evil", "https://[::1", "x" * 3000],
)  # fmt: skip
def test_an_address_that_is_no_logs_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        check_address(url)


def test_the_figures_are_written_as_a_whole(tmp_path: Path) -> None:
    metrics = WatchMetrics(tmp_path / "watch.prom")

    metrics.looked(300, 5.0)
    metrics.failed()
    metrics.alarm(AlarmKind.FORK)

    text = (tmp_path / "watch.prom").read_text()
    assert 'qrledger_audit_watch_alarm{kind="fork"} 1.0' in text
    assert 'qrledger_audit_watch_alarm{kind="stalled"} 0.0' in text
    assert "qrledger_audit_watch_size 300.0" in text
    assert "qrledger_audit_watch_looks_total 3.0" in text
    assert "qrledger_audit_watch_failures_total 1.0" in text
    assert [one.name for one in tmp_path.iterdir()] == ["watch.prom"]


@pytest.mark.parametrize(
    "words",
    [
        ["https://pay.example", "--note", "x.note"],
        ["https://pay.example", "--vkey", str(KEY.verifier)],
        ["http://pay.example", "--vkey", str(KEY.verifier), "--note", "x.note"],
        ["https://pay.example", "--vkey", "x", "--note", "x.note"],
        ["https://pay.example", "--vkey", str(KEY.verifier), "--note", "bad.note"],
        ["https://pay.example", "--vkey", str(KEY.verifier), "--note", "x.note", "--key-file", "-"],
        ["https://pay.example", "--vkey", str(KEY.verifier), "--note", "x.note", "--interval", "0"],
    ],
    ids=range(7),
)
def test_wrong_usage_exits_with_2(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.note").write_bytes(b"hello")

    assert CliRunner().invoke(program, ["audit", "watch", *words]).exit_code == 2
    assert [one.name for one in tmp_path.iterdir()] == ["bad.note"]


@contextmanager
def served(log: ServedLog) -> Iterator[str]:
    """The log over HTTP, on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                data = log.get(self.path.removeprefix("/v1/log/"), 10**9)
            except NotThere:
                self.send_error(404)
                return
            except NoAnswer:
                self.send_error(503)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_program_follows_a_log_and_exits_with_1_after_an_alarm(tmp_path: Path) -> None:
    note, figures, log = tmp_path / "log.note", tmp_path / "watch.prom", ServedLog()

    def look(url: str) -> Result:
        words = ["--note", str(note), "--metrics-file", str(figures), "--vkey", str(KEY.verifier)]
        return CliRunner().invoke(program, ["audit", "watch", url, *words, "--once"])

    with served(log) as url:
        assert look(url).exit_code == 0
        assert note.read_bytes() == log.note().encode()
        log.size = 600
        assert look(url).exit_code == 0
        log.is_down = True
        assert look(url).exit_code == 1
        log.is_down, log.size = False, 300
        rolled_back = look(url)

    assert rolled_back.exit_code == 1
    assert "qrledger: rollback: the head has 300 events, the one before 600" in rolled_back.output
    assert note.with_name("log.note.alarm").read_bytes() == log.note().encode()
    assert 'qrledger_audit_watch_alarm{kind="rollback"} 1.0' in figures.read_text()
