"""The API: its services on a migrated database, and its HTTP server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from uuid_utils.compat import uuid7

from api.app import create_app
from api.blocking import READ_SECONDS, READY_SECONDS
from api.command_dispatcher import CommandDispatcher
from api.context import Services
from api.http.application import Application
from api.http.connections import ConnectionLimits, ConnectionTable
from api.http.refusals import Refusals
from api.http.security_headers import api_headers
from api.live.protocol import FOLLOWED
from api.live.streams import Streams
from api.pictures import PictureCache
from api.tokens import Tokens
from application.bus import Bus
from application.callbacks import Callbacks
from application.restriction import ShownReader
from application.state_cache import StateCache
from application.writer import Deliver, Writer
from infrastructure.bootstrap.common import READ_CONNECTIONS_MAX, connection_limits, make_config
from infrastructure.database import read_token_secret
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.fx import ecb_files
from infrastructure.fx.rate_table import StoredRates
from infrastructure.health import HealthCheck
from infrastructure.http_server import listen, serving
from infrastructure.metrics import PrometheusMetrics
from infrastructure.opening import make_guard
from infrastructure.pictures.process import PictureProcess
from infrastructure.postgres.attempts import PostgresAttemptNotes, PostgresCallbackInbox
from infrastructure.postgres.connections import (
    ConnectionPool,
    DatabaseRole,
)
from infrastructure.postgres.live_tickets import PostgresLiveTickets
from infrastructure.postgres.logos import PostgresLogos
from infrastructure.postgres.processor_rests import PostgresProcessorRests
from infrastructure.postgres.query_connections import QueryConnections
from infrastructure.postgres.rates import PostgresRates
from infrastructure.postgres.sandbox import PostgresSandboxStore
from infrastructure.postgres.used_tokens import PostgresUsedTokens
from infrastructure.postgres.webhooks import PostgresDeliveries
from infrastructure.processors.configured import make_processors, make_sandbox
from infrastructure.processors.sandbox_payers import SandboxPages
from infrastructure.processors.terms import ConfiguredTerms
from infrastructure.push.configured import make_push_desk
from infrastructure.qr_keys.file_keys import FileKeys
from infrastructure.sealing.published import make_evidence
from infrastructure.settings import Settings
from infrastructure.streaming.processes import StreamProcesses
from infrastructure.task_counts import TaskCounter
from infrastructure.workers.following import Delivery
from infrastructure.workers.live_feed import LiveFeed
from infrastructure.workers.ports import make_webhook_secrets
from projections._read_model import ReadModels
from projections._runner import read_lags

PROBE_CONNECTIONS_MAX: Final = 2
"""For readiness and metrics, which must work while every other connection is in use."""
READ_STATEMENT: Final = 4
READY_STATEMENT: Final = 1
APPEND_STATEMENT: Final = 14
"""Seconds after which the server cancels a statement: less than the time after which this process
closes the connection (`READ_SECONDS`, `READY_SECONDS`, `APPEND_SECONDS`), so that a slow server
does not continue work whose result nobody receives."""
WRITER_LANES: Final = 2
"""One decides while the other waits for the log; more would only wait for the log's lock."""


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
        headers = api_headers(self.services.config.public_url)
        async with serving(self.app, listening, table, Refusals(self.limits, headers)):
            with ExitStack() as stopping:
                stopping.callback(self.services.streams.drain)
                yield


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
        livemode=make_config(settings).livemode,
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
        reader=ShownReader(read_log, StateCache(snapshot_store=snapshots)),
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
        logos=PostgresLogos(notes),
        evidence=make_evidence(
            notes, QueryConnections(probes).connection, metrics.registry, settings.witness_policy
        ),
        code_keys=FileKeys(settings.qr_keys_file, metrics.signing_keys_read),
        metrics=metrics,
        new_id=uuid7,
        close=resources.close,
    )
    return ApiProcess(create_app(services), services, settings, limits, metrics.displaced.inc)
