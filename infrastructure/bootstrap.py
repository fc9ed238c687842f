"""The composition root: the only module that imports every other layer."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Final

from uuid_utils.compat import uuid7

from api.app import create_app
from api.blocking import READ_SECONDS, READY_SECONDS
from api.command_dispatcher import CommandDispatcher
from api.context import ApiConfig, Services
from api.http.application import Application
from api.http.connections import CONNECTIONS_MAX, ConnectionLimits, ConnectionTable
from api.http.refusals import Refusals
from api.http.security_headers import security_headers
from api.live.config import LiveConfig
from api.live.merchant_admission import MerchantServices
from api.live.protocol import FOLLOWED
from api.live.server import Notifier
from api.live.streams import Streams
from api.pages import returns
from api.pages.push_texts import PageTexts
from api.pictures import PictureCache
from api.tokens import Tokens
from api.v1.dashboard_links import operator_link as operator_link  # noqa: PLC0414 - for a command
from api.views.webhooks import ViewBodies
from application.bus import Bus
from application.callbacks import Callbacks
from application.ports.credits import AccountCredits
from application.ports.metrics import Metrics
from application.processes.process import Process, all_processes
from application.reader import Reader
from application.state_cache import StateCache
from application.writer import Deliver, Writer
from domain.merchants.api_key import ApiKey
from infrastructure import descriptors, opening
from infrastructure.database import read_token_secret
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.fx import ecb_files
from infrastructure.fx.rate_table import StoredRates
from infrastructure.health import HealthCheck
from infrastructure.http_server import listen, port_in_use, serving
from infrastructure.metrics import PrometheusMetrics
from infrastructure.pictures.process import PictureProcess
from infrastructure.postgres.attempts import PostgresAttemptNotes, PostgresCallbackInbox
from infrastructure.postgres.connections import (
    ConnectionPool,
    DatabaseRole,
)
from infrastructure.postgres.live_tickets import PostgresLiveTickets
from infrastructure.postgres.processor_rests import PostgresProcessorRests
from infrastructure.postgres.query_connections import QueryConnections
from infrastructure.postgres.rates import PostgresRates
from infrastructure.postgres.sandbox import PostgresSandboxStore
from infrastructure.postgres.used_tokens import PostgresUsedTokens
from infrastructure.postgres.webhooks import PostgresDeliveries
from infrastructure.processors.configured import configured_names, make_processors, make_sandbox
from infrastructure.processors.sandbox_payers import SandboxPages
from infrastructure.processors.terms import ConfiguredTerms
from infrastructure.push.configured import make_push_desk
from infrastructure.qr_keys.file_keys import FileKeys
from infrastructure.settings import Settings
from infrastructure.status import Status, read_status
from infrastructure.streaming.processes import StreamProcesses
from infrastructure.task_counts import TaskCounter
from infrastructure.workers.following import Delivery
from infrastructure.workers.leadership import run_as_leader
from infrastructure.workers.live_feed import LiveFeed
from infrastructure.workers.ports import PORT_CONNECTIONS_MAX, adapters, make_webhook_secrets
from infrastructure.workers.process import leading
from infrastructure.workers.supervisor import Supervisor
from projections._open_subjects import OpenSubjects
from projections._read_model import Connect, ReadModels, all_models
from projections._runner import Runner, read_lags
from projections.attempts import Attempts
from projections.balances import Balances
from projections.refunds import Refunds

READ_CONNECTIONS_MAX: Final = 8
PROBE_CONNECTIONS_MAX: Final = 2
"""For readiness and metrics, which must work while every other connection is in use."""
READ_STATEMENT: Final = 4
READY_STATEMENT: Final = 1
APPEND_STATEMENT: Final = 14
"""Seconds after which the server cancels a statement: less than the time after which this process
closes the connection (`READ_SECONDS`, `READY_SECONDS`, `APPEND_SECONDS`), so that a slow server
does not continue work whose result nobody receives."""
MERCHANT_TOPICS: Final = FOLLOWED | {ApiKey.Revoked.TOPIC}
WRITER_LANES: Final = 2
"""One decides while the other waits for the log; more would only wait for the log's lock."""


make_guard, make_log = opening.make_guard, opening.make_log


def read_tokens(url: str, database_role: DatabaseRole) -> Tokens:
    """Signs and verifies tokens with the ledger's secret."""
    return Tokens(read_token_secret(url, database_role))


def make_runners(connect: Connect, metrics: Metrics | None = None) -> list[Runner]:
    """The runner of every read model, by name; they share the connections."""
    return [Runner(model, connect, metrics=metrics) for model in all_models()]


def read_model_names() -> list[str]:
    """The name of every read model."""
    return [model.name for model in all_models()]


def read_model_versions() -> dict[str, int]:
    """The version of every read model of this program."""
    return {model.name: model.version for model in all_models()}


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


def ledger_status(url: str, settings: Settings) -> Status:
    """The state of the ledger, within about 10 s; a failure is a problem of the status."""
    return read_status(url, settings.mode, read_lags, processors=configured_names(settings))


def connection_limits() -> ConnectionLimits:
    """The limits of one port, with as many connections as the file descriptors allow."""
    allowed = descriptors.connections_max(descriptors.raise_limit())
    return ConnectionLimits(total=min(CONNECTIONS_MAX, allowed))


@dataclass(slots=True)
class ApiProcess:
    """The API and the settings of its HTTP server."""

    app: Application
    services: Services
    settings: Settings
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    on_full: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve within the context; on exit, complete the requests in flight.

        Raises:
            PortInUse: the port cannot be bound.
        """
        settings = self.settings
        listening = listen(settings.host, settings.port, setting="QRLEDGER_PORT")
        table = ConnectionTable(self.limits, settings.trusted_proxies, on_full=self.on_full)
        headers = security_headers(secure=self.services.config.secure)
        async with serving(self.app, listening, table, Refusals(self.limits, headers)):
            with ExitStack() as stopping:
                stopping.callback(self.services.streams.drain)
                yield


def make_config(settings: Settings) -> ApiConfig:
    """The settings that affect responses and webhooks."""
    return ApiConfig(
        public_url=settings.public_origin,
        live_public_url=settings.live_origin,
        mode=settings.mode,
        claim_seconds=settings.claim_seconds,
        rate_limit=settings.rate_limit,
        trusted_proxies=settings.trusted_proxies,
        fx_spread_basis_points=settings.fx_spread_basis_points,
        fx_rate_days_max=settings.fx_rate_days_max,
        webhook_loopback=settings.webhook_loopback,
    )


def make_api(settings: Settings, url: str) -> ApiProcess:
    """The API on a migrated database."""
    resources = ExitStack()

    def make_pool(size_max: int, limit_seconds: float, statement_seconds: int) -> ConnectionPool:
        pool = ConnectionPool(
            url,
            DatabaseRole.WRITER,
            size_max=size_max,
            limit_seconds=limit_seconds,
            statement_seconds=statement_seconds,
        )
        resources.callback(pool.close)
        return pool

    reads = make_pool(READ_CONNECTIONS_MAX, READ_SECONDS, READ_STATEMENT)
    probes = make_pool(PROBE_CONNECTIONS_MAX, READY_SECONDS, READY_STATEMENT)
    metrics = PrometheusMetrics(
        lambda: health(),  # noqa: PLW0108 - defined below
        loops=lambda: feed.loops,
        tasks=lambda: count_tasks(),  # noqa: PLW0108 - defined below
    )
    guard = make_guard(settings, metrics)
    health = HealthCheck(QueryConnections(probes), guard, read_lags)
    read_log = PostgresLog(
        make_pool(READ_CONNECTIONS_MAX, READ_SECONDS, READ_STATEMENT), guard=guard
    )
    count_tasks = TaskCounter(QueryConnections(probes), read_log.now)
    token_secret = read_token_secret(url, DatabaseRole.WRITER)
    notes = QueryConnections(reads).connection
    sandbox = make_sandbox(
        settings, PostgresSandboxStore(notes), token_secret=token_secret, now=read_log.now
    )
    inbox = PostgresCallbackInbox(notes)
    processors = make_processors(settings, sandbox, now=read_log.now)
    rests = PostgresProcessorRests(notes)
    write_log = PostgresLog(make_pool(WRITER_LANES, READ_SECONDS, APPEND_STATEMENT), guard=guard)
    snapshots = PostgresSnapshots(reads)
    resources.callback(snapshots.close)
    pictures = PictureProcess()
    resources.callback(pictures.close)
    states = StateCache(snapshot_store=snapshots)

    def make_writer(deliver: Deliver) -> Writer:
        lanes = (Bus(write_log, cache=states, metrics=metrics) for _ in range(WRITER_LANES))
        return Writer(*lanes, deliver=deliver, metrics=metrics)

    limits = connection_limits()
    streams = Streams(
        log=read_log,
        tokens=Tokens(token_secret),
        feed=lambda: feed,
        per_address=settings.stream_per_address,
        total=settings.stream_max,
        connections=limits.total,
        on_open=metrics.streams.set,
        on_disconnect=metrics.disconnected,
    )
    feed = LiveFeed(
        read_log,
        url,
        Delivery("streams", FOLLOWED, streams.deliver),
        wanted=lambda: streams.has_listeners,
        on_unknown=metrics.unknown_event,
    )
    services = Services(
        config=make_config(settings),
        log=read_log,
        reader=Reader(read_log, StateCache(snapshot_store=snapshots)),
        dispatcher=CommandDispatcher(make_writer),
        tokens=Tokens(token_secret),
        notes=PostgresAttemptNotes(notes),
        terms=ConfiguredTerms(settings.mode, processors, rests.seconds_left),
        sandbox=SandboxPages(sandbox, inbox),
        callbacks=Callbacks(processors, inbox, now=lambda: datetime.now(UTC)),
        read_models=ReadModels(QueryConnections(reads).connection),
        event_lines=StreamProcesses(url),
        deliveries=PostgresDeliveries(QueryConnections(reads).connection),
        live_tickets=PostgresLiveTickets(QueryConnections(reads).connection),
        streams=streams,
        webhook_secrets=make_webhook_secrets(settings),
        used_tokens=PostgresUsedTokens(notes),
        push=make_push_desk(settings, QueryConnections(reads).connection),
        rates=StoredRates(PostgresRates(QueryConnections(reads).connection), ecb_files.shipped()),
        health=health,
        pictures=PictureCache(pictures),
        code_keys=FileKeys(settings.qr_keys_file, metrics.signing_keys_read),
        metrics=metrics,
        new_id=uuid7,
        close=resources.close,
    )
    return ApiProcess(create_app(services), services, settings, limits, metrics.displaced.inc)


@asynccontextmanager
async def notifying(settings: Settings, url: str) -> AsyncIterator[Notifier]:
    """The notifier and its feed, within the context.

    Raises:
        PortInUse: the port cannot be bound.
    """
    metrics = PrometheusMetrics(loops=lambda: feed.loops)
    log = make_log(
        url,
        DatabaseRole.READER,
        size_max=READ_CONNECTIONS_MAX,
        limit_seconds=READ_SECONDS,
        guard=make_guard(settings, metrics),
    )
    config = LiveConfig(
        host=settings.host,
        port=settings.live_port,
        origins=(settings.public_origin,),
        per_address=settings.live_per_address,
        total=settings.live_max,
        trusted_proxies=settings.trusted_proxies,
        secure=make_config(settings).secure,
        limits=connection_limits(),
    )
    reads = ConnectionPool(
        url, DatabaseRole.READER, size_max=PORT_CONNECTIONS_MAX, limit_seconds=READ_SECONDS
    )
    query = QueryConnections(reads).connection
    tokens = read_tokens(url, DatabaseRole.READER)
    notifier = Notifier(
        config,
        log=log,
        tokens=tokens,
        merchants=MerchantServices.make(
            make_config(settings), tokens, PostgresLiveTickets(query), ReadModels(query)
        ),
        resume_feed=lambda: feed.resume(),  # noqa: PLW0108 - defined below
        on_open=metrics.sockets.set,
        on_disconnect=metrics.disconnected,
        on_full=metrics.displaced.inc,
        exposition=metrics.exposition,
        halted=lambda: feed.halted(),  # noqa: PLW0108 - defined below
    )
    feed = LiveFeed(
        log,
        url,
        Delivery("notifier", FOLLOWED, notifier.feed),
        Delivery("merchants", MERCHANT_TOPICS, notifier.feed_merchants),
        wanted=lambda: notifier.has_listeners,
        on_unknown=metrics.unknown_event,
    )
    try:
        await notifier.open()
    except OSError as error:
        where = (settings.host, settings.live_port)
        raise port_in_use(*where, error, setting="QRLEDGER_LIVE_PORT") from error
    feed.start()
    try:
        yield notifier
    finally:
        feed.stop()
        await notifier.close()
        await asyncio.to_thread(feed.close)
        reads.close()
        log.close()


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
