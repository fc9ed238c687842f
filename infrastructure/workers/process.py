"""The work of the leading worker: projections and expiry, in supervised loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from uuid_utils.compat import uuid7

from application.bus import Bus
from application.clock_guard import ClockGuard
from application.state_cache import StateCache
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.workers.expiry import ExpiryWorker
from infrastructure.workers.loops import LoopReport
from infrastructure.workers.projector import MakeRunner, Projector
from infrastructure.workers.supervisor import Supervisor

READ_CONNECTIONS_MAX: Final = 8


@contextmanager
def leading(
    url: str,
    *,
    guard: ClockGuard,
    runners: Mapping[str, MakeRunner],
) -> Iterator[LoopReport]:
    """Run every loop of the worker within the context.

    Args:
        url: the database.
        guard: judges the database's clock.
        runners: makes the runner of every read model, by name.
    """
    with ExitStack() as resources:
        read_pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=READ_CONNECTIONS_MAX)
        write_pool = ConnectionPool(url, DatabaseRole.WRITER, size_max=1)
        snapshot_pool = ConnectionPool(url, DatabaseRole.WRITER, size_max=1)
        snapshots = PostgresSnapshots(snapshot_pool)
        supervisor = Supervisor()
        for resource in (snapshot_pool, snapshots, write_pool, read_pool):
            resources.callback(resource.close)
        resources.callback(supervisor.stop)
        read_log = PostgresLog(read_pool, guard=guard)
        write_log = PostgresLog(write_pool, guard=guard)
        bus = Bus(write_log, cache=StateCache(snapshot_store=snapshots))
        expiry = ExpiryWorker(url=url, log=read_log, bus=bus, new_id=uuid7)
        resources.callback(expiry.stop)
        for name, make_runner in runners.items():
            projector = Projector(make_runner, url=url, log=read_log)
            resources.callback(projector.stop)
            supervisor.start(name, projector.follow)
        supervisor.start("expiry timers", expiry.follow)
        supervisor.start("expiry sweep", expiry.sweep)
        yield LoopReport(lambda: supervisor.loops)
