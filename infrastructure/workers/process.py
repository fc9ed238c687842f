"""The work of the leading worker: read models and processes, in supervised loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Final
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import TupleRow

from application.bus import Bus
from application.clock_guard import ClockGuard
from application.consumer import Consumer
from application.ports.metrics import Metrics
from application.processes._follower import ProcessFollower
from application.processes.process import Process
from application.state_cache import StateCache
from infrastructure.event_store.feed import Feed
from infrastructure.event_store.notifications import Notifications
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.tasks import PostgresTasks
from infrastructure.workers.following import following
from infrastructure.workers.loops import LoopReport
from infrastructure.workers.performing import Performing
from infrastructure.workers.supervisor import Supervisor

READ_CONNECTIONS_MAX: Final = 4
"""For the feed and the consumers that are behind it."""
APPLY_CONNECTIONS_MAX: Final = 4
"""For the transactions of all consumers."""
APPLY_SECONDS: Final = 60
"""How long the transaction of one page may take before its connection is closed."""
PACE_SECONDS: Final = 0.1
"""The lag accepted under load, so that one transaction applies many events."""

Connect = Callable[[], AbstractContextManager[Connection[TupleRow]]]


@contextmanager
def leading(
    url: str,
    *,
    guard: ClockGuard,
    make_consumers: Callable[[Connect], Sequence[Consumer]],
    processes: Sequence[Process],
    metrics: Metrics,
) -> Iterator[LoopReport]:
    """Run every loop of the worker within the context.

    Args:
        url: the database.
        guard: judges the database's clock.
        make_consumers: makes the consumers of the log, which share some connections.
        processes: follow the log as well, and perform tasks.
        metrics: measures the processes.
    """
    with ExitStack() as resources:
        read_pool = ConnectionPool(url, DatabaseRole.READER, size_max=READ_CONNECTIONS_MAX)
        apply_pool = ConnectionPool(
            url,
            DatabaseRole.PROJECTOR,
            size_max=APPLY_CONNECTIONS_MAX,
            limit_seconds=APPLY_SECONDS,
            statement_seconds=APPLY_SECONDS,
        )
        performers = sum(process.retry.concurrency for process in processes)
        write_pool = ConnectionPool(url, DatabaseRole.WRITER, size_max=performers)
        task_pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=performers)
        snapshot_pool = ConnectionPool(url, DatabaseRole.WRITER, size_max=1)
        snapshots = PostgresSnapshots(snapshot_pool)
        for resource in (snapshot_pool, snapshots, task_pool, write_pool, apply_pool, read_pool):
            resources.callback(resource.close)
        read_log = PostgresLog(read_pool, guard=guard)
        write_log = PostgresLog(write_pool, guard=guard)
        states = StateCache(snapshot_store=snapshots)
        consumers = [*make_consumers(apply_pool.connection)]
        performing = []
        for process in processes:
            performers_of = Performing(
                process,
                store=PostgresTasks(task_pool),
                make_bus=lambda: Bus(write_log, cache=states, metrics=metrics),
                clock_state=read_log.clock_state,
                guard=guard,
                new_id=uuid4,
                metrics=metrics,
            )
            performing.append(performers_of)
            consumers.append(
                ProcessFollower(
                    process,
                    PostgresTasks(apply_pool),
                    head=read_log.head,
                    on_stored=performers_of.wake_if_due,
                )
            )
        topics = frozenset[str]().union(*(consumer.topics for consumer in consumers))
        feed = Feed(read_log, Notifications(url), topics=topics, pace_seconds=PACE_SECONDS)
        supervisor = Supervisor()
        for stop in (feed.close, supervisor.stop, *(one.stop for one in performing), feed.stop):
            resources.callback(stop)
        for consumer in consumers:
            supervisor.start(consumer.name, following(consumer, feed))
        for one in performing:
            for name, loop in one.loops.items():
                supervisor.start(name, loop)
        yield LoopReport(lambda: supervisor.loops)
