"""Cost per command on a log of a million events, compared with ten thousand."""

from __future__ import annotations

from typing import Final

import psycopg

from benchmarks.bus_process import bus_process
from benchmarks.cpu import costs
from benchmarks.installation import fresh_database, process_id
from benchmarks.limits import EVENTS, TURN_SECONDS, TURNS
from benchmarks.table import Table, spread
from infrastructure.postgres.embedded import EmbeddedServer

SMALL: Final = 10_000
FILL: Final = (
    """
    insert into ledger.events
    select h.pos + n, gen_random_uuid(), 1, 'payment_session.created', repeat('x', 300)::bytea,
           statement_timestamp(), gen_random_uuid(), gen_random_uuid(), 'bench', 'bench', 1
      from ledger.head h, generate_series(1, %(count)s) n
    """,
    """
    insert into ledger.commands
    select command_id, '', notification_id, notification_id, recorded_at, originator_id, 1, null
      from ledger.events where actor = 'bench'
    """,
    """
    update ledger.head set pos = pos + %(count)s, recorded_at =
      (select recorded_at from ledger.events order by notification_id desc limit 1)
    """,
)


def measure_log_size(server: EmbeddedServer, table: Table) -> None:
    """Alternating turns of the bus on a small and on a large log."""
    urls = [_filled(server, count) for count in (SMALL, EVENTS)]
    postmaster = process_id(server)
    with bus_process(urls[0], postmaster) as small, bus_process(urls[1], postmaster) as large:
        pairs = [(small.turn(TURN_SECONDS), large.turn(TURN_SECONDS)) for _ in range(TURNS)]
    table.row(
        f"cost per command, {EVENTS:,} stored events / {SMALL:,} (at most 1.2)",
        spread([few.rate / many.rate for few, many in pairs]),
        f"{costs([many for _, many in pairs])} / {costs([few for few, _ in pairs])}",
    )


def _filled(server: EmbeddedServer, count: int) -> str:
    url = fresh_database(server, f"size_{count}")
    with psycopg.connect(url, autocommit=True) as owner:
        for statement in FILL:
            owner.execute(statement, {"count": count})
        owner.execute("vacuum analyze ledger.events, ledger.commands")
    return url
