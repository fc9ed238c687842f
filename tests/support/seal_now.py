"""Seal a ledger on PostgreSQL at once, with the key of the tests and without notes."""

from __future__ import annotations

from contextlib import closing

from application.sealing.sealer import PAGE_EVENTS, Sealer
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.sealing.store import PostgresSealStore
from tests.support.sealing import KEY, ORIGIN


class NoNotes:
    """Notes that nobody keeps: the sealer of these tests starts anew each time."""

    def last(self) -> str | None:
        return None

    def append(self, note: str) -> None:
        pass


def seal(url: str) -> None:
    """Seal every event of the ledger, and publish the head."""
    with closing(connect(url, DatabaseRole.SEALER)) as connection:
        sealer = Sealer(
            PostgresSealStore(connection), NoNotes(), lambda head: head.note(KEY), origin=ORIGIN
        )
        while sealer.read() == PAGE_EVENTS:
            pass
        sealer.seal()
