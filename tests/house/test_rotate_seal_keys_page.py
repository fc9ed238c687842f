"""The page about the sealing keys, walked through with its own commands on a sealed ledger."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from application.sealing.errors import SealHalted
from domain.audit import vkey
from domain.audit.note import Note
from domain.audit.vkey import VerifierKey
from infrastructure.cli import program
from infrastructure.postgres.migrate import migrate
from infrastructure.sealing import key_file
from tests.support.read_models import project
from tests.support.sealed_ledger import Installation, rewrite

pytestmark = pytest.mark.postgres
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "rotate-seal-keys.md"
KEY_ID = "0b5c5a6e"
"""The key that the page retires."""


def commands(heading: str) -> list[list[str]]:
    """The commands of a section, as words."""
    [section] = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    lines = "".join(re.findall(r"```bash\n(.*?)```", section, re.DOTALL)).splitlines()
    return [shlex.split(line) for line in lines]


class Walk:
    """A sealed ledger whose operator follows the page."""

    def __init__(self, url: str, folder: Path) -> None:
        self.installation = Installation(url, folder)
        self.folder = folder
        self.old = vkey.parse(self.installation.keys.rotate())
        self.grow()

    def grow(self) -> Note:
        """Seal some more events; returns what was published last."""
        self.installation.ledger.open_wallet()
        self.installation.seal()
        return self.installation.notes()[-1]

    def run(self, *words: str) -> Result:
        done = CliRunner().invoke(program, words, env={
            "QRLEDGER_HOME": str(self.folder / "home"),
            "QRLEDGER_DATABASE_URL": self.installation.url,
            "QRLEDGER_MODE": "test",
            "QRLEDGER_SEAL_HOME": str(self.folder),
        })  # fmt: skip
        assert done.exit_code == 0, done.output
        return done

    def follow(self, words: list[str], **instead: str) -> Result:
        """A command of the page, with the key and the size of this ledger."""
        assert words[0] == "qrledger"
        replaced = {KEY_ID: self.old.key_id.hex(), **instead}
        return self.run(*(replaced.get(word, word) for word in words[1:]))

    def signers(self, note: Note, *keys: VerifierKey) -> set[VerifierKey]:
        return set(note.verify(keys))


@pytest.fixture
def walk(make_database: Callable[[], str], tmp_path: Path) -> Iterator[Walk]:
    url = make_database()
    migrate(url, mode="test", token_secret=bytes(32))
    walk = Walk(url, tmp_path / "seal")
    yield walk
    walk.installation.log.close()


def test_a_rotation(walk: Walk) -> None:
    rotate, retire = commands("Rotate")

    new = vkey.parse(walk.follow(rotate).output.strip())
    assert walk.signers(walk.grow(), walk.old, new) == {walk.old, new}
    walk.follow(retire)

    assert walk.signers(walk.grow(), walk.old, new) == {new}


def test_a_lost_key(walk: Walk) -> None:
    rotate, retire = commands("A key is lost")
    walk.installation.home.key_file.unlink()

    new = vkey.parse(walk.follow(rotate).output.strip())
    walk.follow(retire)

    note = walk.grow()
    assert walk.signers(note, walk.old, new) == {new}
    assert new.name == walk.old.name


def test_a_compromised_key(walk: Walk) -> None:
    rotate, retire = commands("A key is compromised")

    new = vkey.parse(walk.follow(rotate).output.strip())
    done = walk.follow(retire, **{"812000": "2"})

    assert done.output == f"{walk.old.key_id.hex()} is retired at size 2\n"
    assert walk.signers(walk.grow(), walk.old, new) == {new}
    assert [one.id for one in key_file.read(walk.installation.home.key_file)] == [new.key_id.hex()]


def test_a_log_that_was_set_back(walk: Walk, tmp_path: Path) -> None:
    restart, seal, verify = commands("The log was set back")
    kept, lost = walk.grow(), walk.grow()
    size = walk.installation.checkpoints()[-2].size
    rewrite(
        walk.installation.url,
        f"delete from ledger.events where notification_id > {size}",
        f"update ledger.head set pos = {size}",
        f"delete from ledger.commands where last_pos > {size}",
        f"delete from seal.checkpoints where size > {size}",
    )
    with pytest.raises(SealHalted):
        walk.installation.seal()

    printed = walk.follow(restart).output
    new = vkey.parse(re.findall(r"\S+\+[0-9a-f]{8}\+\S+", printed)[-1])
    assert seal == ["qrledger", "seal"]
    note = walk.grow()

    assert new.name != walk.old.name
    assert walk.signers(note, walk.old, new) == {new}
    project(walk.installation.url)
    bundle = tmp_path / "ledger.tar"
    walk.run("audit", "export", str(bundle))

    def judge(note: Note) -> Result:
        paper = tmp_path / "old.note"
        paper.write_bytes(note.encode())
        words = {"ledger.tar": bundle, "OLD": walk.old, "NEW": new, "old.note": paper}
        return CliRunner().invoke(program, [str(words.get(word, word)) for word in verify[1:]])

    continued, judged = judge(kept), judge(lost)
    assert continued.exit_code == 0, continued.output
    assert judged.exit_code == 1
    assert f"positions {size + 1} to {size + 3} are lost" in judged.output
