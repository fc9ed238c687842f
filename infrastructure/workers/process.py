"""The work of the leading worker: projections and processes, in supervised loops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final
from uuid import uuid4

from application.bus import Bus
from application.clock_guard import ClockGuard
from application.ports.metrics import Metrics
from application.processes.process import Process
from application.state_cache import StateCache
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.tasks import PostgresTasks
from infrastructure.workers.loops import LoopReport
from infrastructure.workers.processes import ProcessLoops
from infrastructure.workers.projector import MakeRunner, Projector
from infrastructure.workers.supervisor import Supervisor

READ_CONNECTIONS_MAX: Final = 8


@contextmanager
def leading(
    url: str,
    *,
    guard: ClockGuard,
    runners: Mapping[str, MakeRunner],
    processes: Sequence[Process],
    metrics: Metrics,
) -> Iterator[LoopReport]:
    """Run every loop of the worker within the context.

    Args:
        url: the database.
        guard: judges the database's clock.
        runners: makes the runner of every read model, by name.
        processes: every process.
        metrics: measures the processes.
    """
    with ExitStack() as resources:
        read_pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=READ_CONNECTIONS_MAX)
        performers = sum(process.retry.concurrency for process in processes)
        write_pool = ConnectionPool(url, DatabaseRole.WRITER, size_max=performers)
        task_pool = ConnectionPool(
            url, DatabaseRole.PROJECTOR, size_max=performers + len(processes)
        )
        snapshot_pool = ConnectionPool(url, DatabaseRole.WRITER, size_max=1)
        snapshots = PostgresSnapshots(snapshot_pool)
        supervisor = Supervisor()
        for resource in (snapshot_pool, snapshots, write_pool, task_pool, read_pool):
            resources.callback(resource.close)
        resources.callback(supervisor.stop)
        read_log = PostgresLog(read_pool, guard=guard)
        write_log = PostgresLog(write_pool, guard=guard)
        states = StateCache(snapshot_store=snapshots)
        store = PostgresTasks(task_pool)
        for name, make_runner in runners.items():
            projector = Projector(make_runner, url=url, log=read_log)
            resources.callback(projector.stop)
            supervisor.start(name, projector.follow)
        for process in processes:
            loops = ProcessLoops(
                process,
                store=store,
                log=read_log,
                url=url,
                make_bus=lambda: Bus(write_log, cache=states, metrics=metrics),
                guard=guard,
                new_id=uuid4,
                metrics=metrics,
            )
            resources.callback(loops.stop)
            supervisor.start(process.name, loops.follow)
            for name, loop in loops.performing.items():
                supervisor.start(name, loop)
        yield LoopReport(lambda: supervisor.loops)
