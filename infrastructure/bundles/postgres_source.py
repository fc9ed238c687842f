"""A ledger in PostgreSQL as exports read it: the read models of one snapshot, then the log.

The log and the receipts only grow, so they are read without a snapshot, up to the checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import TupleRow

from application.event_log import Receipt, Recorded
from domain.audit import bundle
from infrastructure.audit import begin_snapshot
from infrastructure.bundles import rows
from infrastructure.bundles.export import ExportRefused
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.rows import EVERY_RECEIPT
from infrastructure.postgres.connections import DatabaseRole, connect

STATEMENT_SECONDS: Final = 600
SEALED_SECONDS_MAX: Final = 30
"""How long an export waits until what its read models have taken in is sealed."""
LOOK_SECONDS: Final = 0.2
PAGE: Final = 1000
_RECEIPTS: Final = f"{EVERY_RECEIPT} where r.last_pos <= %s or r.last_pos is null"
_NEWEST: Final = "select size, note from seal.checkpoints order by number desc limit 1"


class PostgresSource:
    """See `infrastructure.bundles.export.Source`."""

    def __init__(
        self,
        url: str,
        log: PostgresLog,
        versions: Mapping[str, int],
        snapshot: Connection[TupleRow],
    ) -> None:
        self._url, self._log, self._snapshot = url, log, snapshot
        existing = begin_snapshot(snapshot, bundle.READ_MODELS)
        tracked = snapshot.execute("select name, version, position from read_models.tracking")
        found = {name: (version, position) for name, version, position in tracked}
        for name in bundle.READ_MODELS:
            if name not in existing or found.get(name, (0, 0))[0] != versions[name]:
                text = f"the read model {name} is not built by this version of the program"
                msg = f"{text}: start the worker first"
                raise ExportRefused(msg)
        self._models = {name: found[name][1] for name in bundle.READ_MODELS}

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """See the port."""
        return self._log.read(after, limit)

    def receipts(self, size: int) -> Iterator[Receipt]:
        """See the port."""
        with connect(
            self._url, DatabaseRole.READER, statement_seconds=STATEMENT_SECONDS
        ) as connection:
            cursor = connection.cursor(binary=True)
            for row in cursor.stream(_RECEIPTS, (size,)):
                yield Receipt(*row)

    def models(self) -> dict[str, int]:
        """See the port."""
        return dict(self._models)

    def rows(self, name: str) -> Iterator[tuple[Any, ...]]:
        """See the port."""
        with self._snapshot.cursor(name) as cursor:
            cursor.itersize = PAGE
            cursor.execute(rows.query(name))
            yield from cursor

    def sealed(self) -> bytes:
        """The newest checkpoint; it covers what the read models have taken in.

        Raises:
            ExportRefused: there is none after a while.
        """
        size = max(self._models.values(), default=0)
        until = time.monotonic() + SEALED_SECONDS_MAX
        while True:
            with connect(self._url, DatabaseRole.READER) as connection:
                [[exists]] = connection.execute(
                    "select to_regclass('seal.checkpoints') is not null"
                ).fetchall()
                newest = connection.execute(_NEWEST).fetchall() if exists else []
            for sealed, note in newest:
                if sealed >= size:
                    return str(note).encode()
            if not newest or time.monotonic() > until:
                text = f"no checkpoint covers position {size}"
                msg = f"{text}: is `qrledger seal` running? Or name one yourself"
                raise ExportRefused(msg)
            time.sleep(LOOK_SECONDS)


@contextmanager
def postgres_source(
    url: str, log: PostgresLog, versions: Mapping[str, int]
) -> Iterator[PostgresSource]:
    """A ledger to export, while the block runs.

    Raises (checked in this order):
        psycopg.OperationalError: the database is unavailable.
        ExportRefused: a read model is not built.
    """
    with connect(url, DatabaseRole.READER, statement_seconds=STATEMENT_SECONDS) as snapshot:
        yield PostgresSource(url, log, versions, snapshot)
