"""The worker: projections and processes, with the ports that they name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Event

from api.pages import returns
from api.pages.push_texts import PageTexts
from api.views.webhooks import ViewBodies
from application.ports.credits import AccountCredits
from application.ports.metrics import Metrics
from application.processes.process import Process, all_processes
from infrastructure.bootstrap.common import make_config, read_tokens
from infrastructure.metrics import PrometheusMetrics
from infrastructure.opening import make_guard
from infrastructure.postgres.connections import (
    ConnectionPool,
    DatabaseRole,
)
from infrastructure.postgres.query_connections import QueryConnections
from infrastructure.settings import Settings
from infrastructure.workers.leadership import run_as_leader
from infrastructure.workers.ports import PORT_CONNECTIONS_MAX, adapters
from infrastructure.workers.process import leading
from infrastructure.workers.supervisor import Supervisor
from projections._open_subjects import OpenSubjects
from projections._read_model import Connect, ReadModels, all_models
from projections._runner import Runner
from projections.attempts import Attempts
from projections.balances import Balances
from projections.refunds import Refunds


def make_runners(connect: Connect, metrics: Metrics | None = None) -> list[Runner]:
    """The runner of every read model, by name; they share the connections."""
    return [Runner(model, connect, metrics=metrics) for model in all_models()]


def make_processes(ports: Mapping[str, object]) -> list[Process]:
    """Every process, with the ports that its constructor names."""
    made: list[Process] = []
    for process in all_processes():
        names = inspect.signature(process).parameters
        made.append(process(**{name: ports[name] for name in names}))
    return made


@contextmanager
def account_credits(url: str) -> Iterator[AccountCredits]:
    """What accounts have earned, as far as the read model has counted it, within the context."""
    with _read_models(url) as models:
        yield models[Balances]


@contextmanager
def open_subjects(url: str) -> Iterator[Mapping[str, OpenSubjects]]:
    """The attempts and refunds that the read models know, by the prefix of ids."""
    with _read_models(url) as models:
        yield {"att": models[Attempts], "ref": models[Refunds]}


@contextmanager
def _read_models(url: str) -> Iterator[ReadModels]:
    pool = ConnectionPool(url, DatabaseRole.READER, size_max=PORT_CONNECTIONS_MAX)
    try:
        yield ReadModels(QueryConnections(pool).connection)
    finally:
        pool.close()


@contextmanager
def process_ports(settings: Settings, url: str) -> Iterator[Mapping[str, object]]:
    """What the worker's processes may use, by the names of their constructors' parameters."""
    returning = returns.return_address(
        read_tokens(url, DatabaseRole.READER), settings.public_origin
    )
    with account_credits(url) as credits_, adapters(settings, url) as ports:
        yield {
            **ports,
            "credits": credits_,
            "return_address": returning,
            "webhook_bodies": ViewBodies(make_config(settings)),
            "push_texts": PageTexts(),
        }


@contextmanager
def working(url: str, settings: Settings | None = None) -> Iterator[None]:
    """The projections and the processes, as the leader or on standby, within the context."""
    stopped, leadership = Event(), Supervisor()
    metrics, settings = PrometheusMetrics(), settings or Settings()
    with process_ports(settings, url) as ports:
        work = partial(
            leading,
            url,
            guard=make_guard(settings, metrics),
            make_consumers=partial(make_runners, metrics=metrics),
            processes=make_processes(ports),
            metrics=metrics,
        )
        leadership.start("leadership", lambda _on_progress: run_as_leader(url, stopped, work))
        try:
            yield
        finally:
            stopped.set()
            leadership.stop()
