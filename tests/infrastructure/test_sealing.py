"""The sealing process on PostgreSQL: its login, its files, its halts."""

from __future__ import annotations

import json
import os
import stat
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from application.commands.restart_log import RestartLog
from application.sealing.errors import NotesMissing, SealHalted
from domain.audit import leaf as leaves
from domain.audit import vkey
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.postgres.migrate import DatabaseNotReady, migrate
from infrastructure.sealing import key_file
from infrastructure.sealing.home import SealHome, SealHomeError
from infrastructure.sealing.process import Alarm, SealProcess, adopt
from infrastructure.sealing.store import PostgresSealStore
from tests.support.postgres import rows
from tests.support.sealed_ledger import ORIGIN, Installation, login, rewrite

pytestmark = pytest.mark.postgres


@pytest.fixture
def database_url(make_database: Callable[[], str]) -> str:
    """Migrated by itself: the roles of a cloned one are members of its template's."""
    url = make_database()
    migrate(url, mode="test", token_secret=bytes(32))
    return url


@pytest.fixture
def installation(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(database_url, tmp_path / "seal")
    yield made
    made.log.close()


def test_the_log_is_sealed_up_to_its_head(installation: Installation) -> None:
    public = vkey.parse(installation.keys.rotate())
    for _ in range(130):
        installation.ledger.open_wallet()

    size = installation.seal()

    [note, *_] = installation.notes()[::-1]
    assert size == installation.log.head() > 256
    assert note.verify([public]) == {public: None}
    assert rows(installation.url, "select level, index, length(hashes) from seal.tiles") == [
        (0, 0, 8192)
    ]
    [*_, noted] = (installation.home.folder / f"{ORIGIN[-36:]}.notes").read_text().splitlines()
    assert json.loads(noted)["note"].encode() == note.encode()


def test_the_leaves_are_the_stored_bytes(installation: Installation) -> None:
    installation.ledger.open_wallet()
    with connect(installation.seal_url, DatabaseRole.SEALER) as connection:
        found = PostgresSealStore(connection).leaves(0, 100)

    for leaf, recorded in zip(found, installation.log.read(0, 100), strict=True):
        assert leaf == leaves.Leaf(
            recorded.position,
            recorded.stream_id.bytes,
            recorded.version,
            leaves.microseconds(recorded.recorded_at),
            recorded.event_id.bytes,
            recorded.command_id.bytes,
            recorded.schema_version,
            recorded.actor,
            recorded.topic,
            recorded.state,
        )


def test_one_sealer_at_a_time(installation: Installation, tmp_path: Path) -> None:
    installation.keys.rotate()
    with (
        installation.home.locked(),
        pytest.raises(SealHomeError, match="another sealer is running"),
    ):
        SealProcess(installation.seal_url, installation.home, Event()).run()

    with connect(installation.seal_url, DatabaseRole.SEALER) as connection:
        assert PostgresSealStore(connection).lock()
        stopped = Event()
        standby = SealProcess(installation.seal_url, SealHome(tmp_path / "other"), stopped)
        thread = Thread(target=standby.run)
        thread.start()
        stopped.set()
        thread.join(10)

    assert not thread.is_alive()
    assert installation.checkpoints() == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused(installation: Installation, mode: int) -> None:
    installation.keys.rotate()
    assert stat.S_IMODE(installation.home.key_file.stat().st_mode) == 0o600
    installation.home.key_file.chmod(mode)

    with pytest.raises(SealHomeError, match="open to other users"):
        installation.seal()
    assert installation.checkpoints() == []


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"keys": [{}]}', '{"keys": [{"key": "x"}]}', "\x00" * 300_000]
)
def test_a_key_file_that_holds_no_keys_is_refused(installation: Installation, text: str) -> None:
    installation.keys.rotate()
    installation.home.key_file.write_text(text)

    with pytest.raises(SealHomeError, match="sealing keys"):
        installation.seal()


def test_a_key_that_is_not_announced_does_not_sign(installation: Installation) -> None:
    installation.home.make()
    made = key_file.make_key(ORIGIN, bytes(32), datetime.now(UTC))
    key_file.write(installation.home.key_file, [made])

    with pytest.raises(SealHomeError, match="announced in the log"):
        installation.seal()
    assert installation.checkpoints() == []

    assert installation.keys.rotate() == str(made.key.verifier)  # the announcement is made up for
    assert installation.seal() == installation.log.head()


def test_a_rotated_key_signs_for_thirty_days_beside_the_new_one(installation: Installation) -> None:
    old, new = vkey.parse(installation.keys.rotate()), vkey.parse(installation.keys.rotate())
    assert [key.state for key in installation.keys.listed()] == ["signing", "signing"]
    installation.seal()
    installation.ledger.open_wallet()
    installation.seal(now=lambda: datetime.now(UTC) + timedelta(days=29))
    installation.ledger.open_wallet()
    installation.seal(now=lambda: datetime.now(UTC) + timedelta(days=31))

    signers = [set(note.verify([old, new])) for note in installation.notes()]

    assert signers == [{old, new}, {old, new}, {new}]


def test_a_retired_key_signs_no_more_and_is_deleted(installation: Installation) -> None:
    old, new = vkey.parse(installation.keys.rotate()), vkey.parse(installation.keys.rotate())
    size = installation.seal()

    installation.keys.retire(old.key_id.hex(), size=installation.keys.sealed_size(), reason="lost")
    installation.seal()

    assert set(installation.notes()[-1].verify([old, new])) == {new}
    assert old.key_id.hex() not in {one.id for one in key_file.read(installation.home.key_file)}
    states = {key.key_id: (key.state, key.retired_at_size) for key in installation.keys.listed()}
    assert states == {old.key_id.hex(): ("retired", size), new.key_id.hex(): ("signing", None)}


def test_a_running_sealer_takes_a_new_key(installation: Installation) -> None:
    old = vkey.parse(installation.keys.rotate())
    sizes: list[int] = []
    sealed, stopped = Event(), Event()

    def on_sealed(size: int) -> None:
        sizes.append(size)
        sealed.set()

    process = SealProcess(installation.seal_url, installation.home, stopped, on_sealed=on_sealed)
    thread = Thread(target=process.run)
    thread.start()
    assert sealed.wait(30)
    new = vkey.parse(installation.keys.rotate())
    installation.ledger.open_wallet()
    for _ in range(60):
        sealed.clear()
        if len(installation.notes()[-1].verify([old, new])) == 2:
            break
        installation.ledger.open_wallet()
        assert sealed.wait(30)
    stopped.set()
    thread.join(30)

    assert set(installation.notes()[-1].verify([old, new])) == {old, new}


def test_published_checkpoints_without_notes_need_an_adopted_one(
    installation: Installation, tmp_path: Path
) -> None:
    installation.keys.rotate()
    installation.seal()
    older = installation.notes()[-1]
    installation.ledger.open_wallet()
    size = installation.seal()
    newest = installation.notes()[-1]
    path = next(installation.home.folder.glob("*.notes"))
    path.rename(tmp_path / "lost")
    installation.ledger.open_wallet()
    with pytest.raises(NotesMissing, match=f"size {size} is published"):
        installation.seal()

    file = tmp_path / "checkpoint"
    for text, word in (
        (b"", "not a checkpoint"),
        (newest.encode().replace(b"\n", b"\r\n"), "not a checkpoint"),
        (newest.encode().replace(b"/test/", b"/live/"), "not a checkpoint"),
        (older.encode(), "is of size"),
    ):
        file.write_bytes(text)
        with pytest.raises(SealHomeError, match=word):
            adopt(installation.seal_url, installation.home, file)
    file.write_bytes(newest.encode())

    assert adopt(installation.seal_url, installation.home, file) == size
    with pytest.raises(SealHomeError, match="has notes already"):
        adopt(installation.seal_url, installation.home, file)
    assert installation.seal() == installation.log.head()


def test_a_line_of_the_notes_that_was_cut_off_is_forgotten(installation: Installation) -> None:
    installation.keys.rotate()
    installation.seal()
    path = next(installation.home.folder.glob("*.notes"))
    with path.open("ab") as file:
        file.write(b'{"note": "pay.example')
    installation.ledger.open_wallet()

    assert installation.seal() == installation.log.head()
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_notes_that_cannot_be_read_keep_it_from_starting(installation: Installation) -> None:
    installation.keys.rotate()
    installation.seal()
    path = next(installation.home.folder.glob("*.notes"))
    with path.open("ab") as file:
        file.write(bytes(64) + b"\n")

    with pytest.raises(SealHomeError, match="is not a note"):
        installation.seal()


@pytest.mark.unaudited
def test_a_restored_backup_halts_the_sealer_for_good(installation: Installation) -> None:
    installation.keys.rotate()
    installation.ledger.open_wallet()
    size = installation.seal()
    rewrite(
        installation.url,
        "delete from ledger.events where notification_id = (select max(notification_id) from ledger.events)",
        "update ledger.head set pos = pos - 1",
        "delete from seal.checkpoints",
    )

    with pytest.raises(SealHalted, match=f"a head of {size} is signed"):
        installation.seal()
    installation.ledger.open_wallet()

    with pytest.raises(SealHalted, match="stays halted until"):
        installation.seal()
    installation.home.lift_halt()
    with pytest.raises(SealHalted, match="is not the one whose head was signed"):
        installation.seal()
    assert installation.checkpoints() == []


def test_a_log_without_an_origin_is_not_sealed(database_url: str, tmp_path: Path) -> None:
    name, url = login(database_url, "sealer")
    migrate(database_url, mode="test", token_secret=bytes(32), sealer=name)

    with pytest.raises(DatabaseNotReady, match="QRLEDGER_LOG_ORIGIN"):
        SealProcess(url, SealHome(tmp_path), Event()).run()


def test_the_alarm_speaks_once_and_once_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    alarm = Alarm()
    for at in (0, 59.9, 60, 75):
        alarm.waiting(6, at)
    alarm.done(9)
    alarm.done(10)
    for at in (100, 159):
        alarm.waiting(10, at)

    texts = [record.getMessage() for record in caplog.records]
    assert texts == [
        "nothing after position 6 is sealed since 60 s",
        "the log is sealed again, up to position 9",
    ]


def test_a_full_disk_is_waited_for(installation: Installation, monkeypatch: Any) -> None:
    installation.keys.rotate()
    write, failures = os.write, [28, 28]

    def full(descriptor: int, data: bytes) -> int:
        if failures and b'"note"' in data:
            failures.pop()
            return write(descriptor, data[:20])
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full)

    assert installation.seal() == installation.log.head()
    path = next(installation.home.folder.glob("*.notes"))
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 1


def test_restarting_the_log_needs_a_key_of_the_new_origin(installation: Installation) -> None:
    installation.keys.rotate()
    installation.seal()
    head = installation.checkpoints()[-1]
    installation.admin.send(
        RestartLog(
            origin=ORIGIN[:-1] + "8",
            old_size=head.size,
            old_root=b64encode(head.root).decode(),
            common_size=head.size,
            reason="a test",
        )
    )
    with pytest.raises(SealHomeError, match="no key of"):
        installation.seal()
