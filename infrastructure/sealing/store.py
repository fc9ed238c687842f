"""The sealer's side of the database: the log to read, tiles and checkpoints to add.

Everything happens on one connection, which holds the lock of the one sealer: a sealer that has lost
its lock has lost its connection, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from application.ports.sealing import Published
from application.sealing.errors import TileDiffers, TileMissing
from application.sealing.growing_tree import FullTile
from domain.audit.leaf import Leaf
from domain.audit.note import Checkpoint
from infrastructure.postgres import deadline

LOCK_KEY: Final = 0x7172_6C5F_7365_616C  # "qrl_seal"
USE_SECONDS: Final = 40.0
"""The limit of one use of the connection; the server cancels a statement before."""
LEAVES: Final = """
select notification_id, uuid_send(originator_id), originator_version,
       (extract(epoch from recorded_at) * 1000000)::bigint, uuid_send(event_id),
       uuid_send(command_id), schema_version, actor, topic, state
  from ledger.events where notification_id > %b order by notification_id limit %b
"""
"""The columns of a `Leaf`, in its order."""
HEAD: Final = "select coalesce(max(notification_id), 0) from ledger.events"
NEWEST: Final = """
select origin, size, root, note from seal.checkpoints where origin = %b order by number desc limit 1
"""
ADD_TILE: Final = """
insert into seal.tiles (level, index, hashes, root) values (%b, %b, %b, %b)
on conflict (level, index) do nothing
"""
TILE: Final = "select hashes from seal.tiles where level = %b and index = %b"
PUBLISH: Final = "insert into seal.checkpoints (origin, size, root, note) values (%b, %b, %b, %b)"


class PostgresSealStore:
    """`application.ports.sealing.SealStore` on a connection with the sealer's role."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._connection = connection

    def lock(self) -> bool:
        """Become the one sealer of this database; False if there is one."""
        [(locked,)] = self._fetch("select pg_try_advisory_lock(%b)", LOCK_KEY)
        return bool(locked)

    def head(self) -> int:
        """See the port."""
        [(position,)] = self._fetch(HEAD)
        return int(position)

    def leaves(self, after: int, limit: int) -> Sequence[Leaf]:
        """See the port."""
        return [Leaf._make(row) for row in self._fetch(LEAVES, after, limit)]

    def add_tiles(self, tiles: Sequence[FullTile]) -> None:
        """See the port."""
        with (
            deadline.limit(self._connection, USE_SECONDS),
            self._connection.transaction(),
            self._connection.cursor() as cursor,
        ):
            for tile in tiles:
                row = (tile.level, tile.index, tile.hashes, tile.root)
                cursor.execute(ADD_TILE, row, prepare=True)
                if cursor.rowcount != 1 and self.tile(tile.level, tile.index) != tile.hashes:
                    raise TileDiffers(tile.level, tile.index)

    def tile(self, level: int, index: int) -> bytes:
        """See the port."""
        found = self._fetch(TILE, level, index)
        if not found:
            raise TileMissing(level, index)
        return bytes(found[0][0])

    def newest(self, origin: str) -> Published | None:
        """See the port."""
        found = self._fetch(NEWEST, origin)
        if not found:
            return None
        name, size, root, note = found[0]
        return Published(Checkpoint(name, size, bytes(root)), note)

    def publish(self, checkpoint: Checkpoint, note: str) -> None:
        """See the port."""
        row = (checkpoint.origin, checkpoint.size, checkpoint.root, note)
        with deadline.limit(self._connection, USE_SECONDS):
            self._connection.execute(PUBLISH, row)

    def _fetch(self, query: str, *parameters: object) -> list[TupleRow]:
        with deadline.limit(self._connection, USE_SECONDS):
            cursor = self._connection.cursor(binary=True)
            return cursor.execute(query, parameters, prepare=True).fetchall()
