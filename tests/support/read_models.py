"""Runs read models without a feed."""

from __future__ import annotations

from functools import partial

from application.consumer import PagedLog, ReadPage
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._read_model import all_models
from projections._runner import Runner


def reader(runner: Runner, log: PagedLog) -> ReadPage:
    """Reads the pages that a feed would give to the runner."""
    return partial(log.page, topics=runner.topics)


def apply_all(runner: Runner, log: PagedLog, *, size: int = 1000) -> None:
    """Build the read model if necessary, and apply the log in pages of so many positions."""
    read = reader(runner, log)
    position = runner.prepare(read)
    while (page := read(position, size)).last > position:
        position = runner.apply(page)


def project(url: str) -> None:
    """Bring every read model up to the head."""
    log = PostgresLog(ConnectionPool(url, DatabaseRole.READER, size_max=1))
    pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=2)
    for model in all_models():
        apply_all(Runner(model, pool.connection), log)
    pool.close()
    log.close()
