"""A restored backup: noticed, and gone on from under a new origin."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from application.command import Command, Outcome
from application.sealing.errors import SealHalted
from domain.audit import vkey
from domain.audit.leaf import Leaf
from domain.audit.note import Checkpoint
from domain.errors import InvalidRequest
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.migrate import migrate
from infrastructure.postgres.query_connections import QueryConnections
from infrastructure.sealing.home import SealHomeError
from infrastructure.sealing.keys import SealKeys, Send
from infrastructure.sealing.published import PostgresSealedLog
from infrastructure.sealing.restart import Restarted, compare, restart
from tests.support.sealed_ledger import ORIGIN, Installation, rewrite
from tests.support.sealing import make_leaf, make_leaves, root_at

pytestmark = pytest.mark.postgres


@pytest.fixture
def installation(make_database: Callable[[], str], tmp_path: Path) -> Iterator[Installation]:
    url = make_database()
    migrate(url, mode="test", token_secret=bytes(32))
    made = Installation(url, tmp_path / "seal")
    yield made
    made.log.close()


def restarted(
    installation: Installation, reason: str = "a restored backup", send: Send | None = None
) -> Restarted:
    send = send or installation.admin.send
    with closing(ConnectionPool(installation.url, DatabaseRole.READER, size_max=1)) as pool:
        return restart(
            installation.home,
            installation.log,
            PostgresSealedLog(QueryConnections(pool).connection),
            send,
            SealKeys(installation.home, installation.log, send),
            reason=reason,
            new_id=uuid7(),
        )


def last_event(installation: Installation) -> Any:
    [recorded] = installation.log.read(installation.log.head() - 1, 1)
    return recorded.event


def set_back(installation: Installation, position: int) -> None:
    """Restore a backup of an earlier time."""
    rewrite(
        installation.url,
        f"delete from ledger.events where notification_id > {position}",
        f"update ledger.head set pos = {position}",
        f"delete from seal.checkpoints where size > {position}",
        f"delete from seal.tiles where level = 0 and (index + 1) * 256 > {position}",
    )


def test_a_restored_log_goes_on_under_a_new_origin_and_key(installation: Installation) -> None:
    old_key = vkey.parse(installation.keys.rotate())
    sizes = []
    for _ in range(3):
        for _ in range(60):
            installation.ledger.open_wallet()
        sizes.append(installation.seal())
    lost = installation.checkpoints()[-1]
    set_back(installation, sizes[1] + 7)
    with pytest.raises(SealHalted):
        installation.seal()

    done = restarted(installation)

    assert (done.old, done.common_size) == (lost, sizes[1])
    assert done.origin != ORIGIN
    assert done.origin.startswith("pay.example/test/")
    new_key = vkey.parse(done.vkey)
    assert new_key.name == done.origin
    events = [recorded.event for recorded in installation.log.read(sizes[1] + 7, 10)]
    facts: Any = events[0]
    assert (facts.TOPIC, facts.old_origin, facts.old_size, facts.common_size, facts.reason) == (
        "log.restarted", ORIGIN, lost.size, sizes[1], "a restored backup",
    )  # fmt: skip
    assert b64decode(facts.old_root) == lost.root
    assert type(events[1]).TOPIC == "log.key_added"  # type: ignore[attr-defined]
    assert installation.home.halted() is None
    assert installation.seal() == installation.log.head()
    newest = installation.notes()[-1]
    assert newest.verify([old_key, new_key]) == {new_key: None}
    assert installation.checkpoints()[-1].origin == done.origin


def test_a_log_that_agrees_only_has_its_halt_lifted(installation: Installation) -> None:
    installation.keys.rotate()
    size = installation.seal()
    installation.home.halt("it was pointed at another database")
    with pytest.raises(SealHalted, match="another database"):
        installation.seal()
    head = installation.log.head()

    done = restarted(installation)

    assert (done.origin, done.common_size, done.vkey) == (ORIGIN, size, "")
    assert installation.log.head() == head
    assert installation.seal() == installation.log.head()


def test_a_restart_that_was_interrupted_is_repeated(installation: Installation) -> None:
    installation.keys.rotate()
    installation.ledger.open_wallet()
    size = installation.seal()
    set_back(installation, size - 1)
    calls: list[Command] = []

    def dies(command: Command) -> Outcome:
        calls.append(command)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return installation.admin.send(command)

    with pytest.raises(KeyboardInterrupt):
        restarted(installation, send=dies)

    done = restarted(installation)

    assert done.old is None
    assert vkey.parse(done.vkey).name == done.origin
    assert installation.seal() == installation.log.head()


def test_a_restart_needs_a_reason_and_a_folder_of_its_own(installation: Installation) -> None:
    installation.keys.rotate()
    size = installation.seal()
    set_back(installation, size - 1)

    with pytest.raises(InvalidRequest):
        restarted(installation, reason="")
    with installation.home.locked(), pytest.raises(SealHomeError, match="another sealer"):
        restarted(installation)
    assert last_event(installation).TOPIC != "log.restarted"


class _Log:
    def __init__(self, log: list[Leaf]) -> None:
        self._log = log

    def leaves(self, after: int, limit: int) -> list[Leaf]:
        return self._log[after : after + limit]


def test_the_common_size_is_the_largest_noted_one_that_the_log_still_has() -> None:
    log = make_leaves(2500)
    noted = [Checkpoint(ORIGIN, size, root_at(log, size)) for size in (1, 700, 700, 1500, 2500)]
    forked = [*log[:1600], *(make_leaf(p, state=b"other") for p in range(1601, 2600))]

    for other, common in ((log, 2500), (log[:2499], 1500), (forked, 1500), (log[:1], 1), ([], 0)):
        reader: Any = _Log(other)
        assert compare(noted, reader) == (noted[-1], common)
    nothing: Any = _Log(log)
    assert compare([], nothing) == (None, 0)
