"""A ledger on PostgreSQL with a sealer: its login, its folder, its keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import psycopg

from application.bus import Bus
from application.commands.open_log import OpenLog
from domain.audit import note as notes
from infrastructure.accounts import AccountAdmin
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.migrate import migrate
from infrastructure.sealing.home import SealHome
from infrastructure.sealing.keys import SealKeys
from infrastructure.sealing.process import SealProcess
from tests.support.ledger_fixture import LedgerFixture
from tests.support.postgres import rows

ORIGIN = "pay.example/test/01890a5d-ac96-774b-bcce-b302099a8057"


def login(url: str, suffix: str, options: str = "") -> tuple[str, str]:
    """A login of the operator's making: its name and its URL."""
    parts = urlsplit(url)
    name = f"{parts.path.lstrip('/')}_{suffix}"
    rows(url, f"create role {name} login password 'secret' {options}", fetch=False)
    where = parts.netloc.rpartition("@")[2]
    return name, parts._replace(netloc=f"{name}:secret@{where}").geturl()


class Installation:
    """A ledger with an origin, a sealer's login, and a folder with a key."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        name, self.seal_url = login(url, "sealer")
        migrate(url, mode="test", token_secret=bytes(32), sealer=name)
        self.log = PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=4))
        self.ledger = LedgerFixture(self.log)
        self.admin = AccountAdmin(self.log, Bus(self.log), "test")
        self.admin.send(OpenLog(origin=ORIGIN))
        self.home = SealHome(folder)
        self.keys = SealKeys(self.home, self.log, self.admin.send)

    def seal(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
        """Run a sealer until everything is sealed; returns the size."""
        stopped = Event()
        if self.checkpoints() and self.checkpoints()[-1].size >= self.log.head():
            self.ledger.open_wallet()
        head = self.log.head()

        def on_sealed(size: int) -> None:
            if size >= head:
                stopped.set()

        SealProcess(self.seal_url, self.home, stopped, on_sealed=on_sealed, now=now).run()
        return self.checkpoints()[-1].size

    def checkpoints(self) -> list[notes.Checkpoint]:
        """What was published, oldest first."""
        return [notes.parse_checkpoint(note.text) for note in self.notes()]

    def notes(self) -> list[notes.Note]:
        found = rows(self.url, "select note from seal.checkpoints order by number")
        return [notes.parse(text.encode()) for (text,) in found]


def rewrite(url: str, *statements: str) -> None:
    """What a superuser can do."""
    with psycopg.connect(url) as connection:
        connection.execute("set session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)
