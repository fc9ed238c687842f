"""The sealed log as the API reads it, on the connections of its queries, and its gauges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg import Connection
from psycopg.rows import TupleRow

from application.ports.sealing import Published
from application.sealing.errors import TileMissing
from application.sealing.evidence import Evidence
from domain.audit.leaf import Leaf
from domain.audit.note import Checkpoint
from infrastructure.sealing.store import LEAVES, TILE
from infrastructure.witnessing.collecting import read_policy

NEWEST: Final = "select origin, size, root, note from seal.checkpoints order by number desc limit 1"
ROOTS: Final = """
select root from seal.tiles where level = %b and index >= %b and index < %b order by index
"""

UNSEALED: Final = """
with newest as (
    select coalesce((select size from seal.checkpoints order by number desc limit 1), 0) as size)
select n.size, (select extract(epoch from ledger.now() - e.recorded_at)::bigint
                  from ledger.events e where e.notification_id = n.size + 1) from newest n
"""

Connect = Callable[[], AbstractContextManager[Connection[TupleRow]]]


class PostgresSealedLog:
    """`application.ports.evidence.SealedLogReader` on PostgreSQL."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def newest(self) -> Published | None:
        """See the port."""
        found = self._fetch(NEWEST)
        if not found:
            return None
        origin, size, root, note = found[0]
        return Published(Checkpoint(origin, size, bytes(root)), note)

    def tile(self, level: int, index: int) -> bytes:
        """See the port."""
        found = self._fetch(TILE, level, index)
        if not found:
            raise TileMissing(level, index)
        return bytes(found[0][0])

    def roots(self, level: int, first: int, count: int) -> Sequence[bytes]:
        """See the port."""
        return [bytes(root) for (root,) in self._fetch(ROOTS, level, first, first + count)]

    def leaves(self, after: int, limit: int) -> Sequence[Leaf]:
        """See the port."""
        return [Leaf._make(row) for row in self._fetch(LEAVES, after, limit)]

    def _fetch(self, query: str, *parameters: object) -> list[TupleRow]:
        with self._connect() as connection:
            cursor = connection.cursor(binary=True)
            return cursor.execute(query, parameters, prepare=True).fetchall()


class SealGauges(Collector):
    """How far the log is sealed, read at each scrape: also when no sealer is running."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def describe(self) -> list[GaugeMetricFamily]:
        """No metrics: registering must not query the database."""
        return []

    def collect(self) -> list[GaugeMetricFamily]:
        """Two gauges; none without the database."""
        try:
            with self._connect() as connection:
                [(sealed, age)] = connection.execute(UNSEALED).fetchall()
        except Exception:  # noqa: BLE001 - a scrape shows what it can
            return []
        return [
            GaugeMetricFamily("qrledger_sealed_position", "The last sealed position", sealed),
            GaugeMetricFamily(
                "qrledger_unsealed_seconds",
                "For how long the oldest event that is not sealed has been recorded",
                max(0, age or 0),
            ),
        ]


def make_evidence(
    connect: Connect, probe: Connect, registry: CollectorRegistry, witness_policy: str
) -> Evidence:
    """The sealed log for outsiders, and its gauges among the metrics.

    Raises:
        BadWitnessPolicy: the file `witness_policy` cannot be used; empty for none.
    """
    witnesses = read_policy(Path(witness_policy)) if witness_policy else None
    registry.register(SealGauges(probe))
    return Evidence(PostgresSealedLog(connect), witnesses)
