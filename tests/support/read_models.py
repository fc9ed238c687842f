"""Runs read models without a feed."""

from __future__ import annotations

from functools import partial

from application.consumer import PagedLog, ReadPage
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
