"""The composition root: the one place where all rooms meet."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Litestar
from uuid_utils.compat import uuid7

from api.app import create_app
from api.blocking import READ_SECONDS, READY_SECONDS
from api.command_dispatcher import CommandDispatcher
from api.context import ApiConfig, Services
from api.http.connections import CONNECTIONS_MAX, ConnectionLimits, ConnectionTable
from api.http.security_headers import security_headers
from api.live.server import LiveConfig, Notifier
from api.tokens import Tokens
from application.bus import Bus
from application.clock_guard import ClockGuard
from application.ports.metrics import Metrics
from application.reader import Reader
from application.state_cache import StateCache
from application.writer import Deliver, Writer
from infrastructure import descriptors
from infrastructure.event_store.follower import Follower
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.http_server import BACKLOG, serving
from infrastructure.metrics import PrometheusMetrics
from infrastructure.postgres import migrate as migrations
from infrastructure.postgres import runtime_login
from infrastructure.postgres.connections import (
    LINK_SECONDS,
    STATEMENT_SECONDS,
    ConnectionPool,
    DatabaseRole,
)
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.qr_images import SegnoImages
from infrastructure.read_models import HealthCheck, QueryConnections
from infrastructure.settings import Settings
from infrastructure.workers.expiry import ExpiryWorker
from infrastructure.workers.loops import LoopReport
from infrastructure.workers.projector import Projector
from infrastructure.workers.supervisor import Progress, Supervisor, lead
from projections._read_model import ReadModels, all_models

READ_CONNECTIONS_MAX: Final = 8
PROBE_CONNECTIONS_MAX: Final = 2
"""For readiness and figures, which must be told while every other connection is held."""
READ_STATEMENT: Final = 4
READY_STATEMENT: Final = 1
APPEND_STATEMENT: Final = 14
"""Seconds after which the server ends a statement: before we give up its link (`READ_SECONDS`,
`READY_SECONDS`, `APPEND_SECONDS`), so that a slow server is not left with work nobody waits for."""
WRITER_LANES: Final = 2
"""One decides while the other waits for the log; more would only take turns at the log's lock."""


class PortInUse(Exception):
    """Somebody else listens there; the text says where and what to do."""


@contextmanager
def database(settings: Settings, *, migrate: bool = False) -> Iterator[str]:
    """The database's URL, the embedded server's if none is set; checked to be ready.

    The embedded server's is that of its runtime login; its superuser only migrates.

    Raises (checked in this order):
        EmbeddedError: the embedded server cannot run here.
        DatabaseNotReady: too old, not migrated, newer than this program, or of the other mode; or
            only the owner's URL is set.
        psycopg.OperationalError: the server cannot be reached.
    """
    if settings.migrate_url and not settings.database_url:
        msg = "QRLEDGER_MIGRATE_URL is set, QRLEDGER_DATABASE_URL is not: set it to the runtime's"
        raise migrations.DatabaseNotReady(msg)
    server = None if settings.database_url else EmbeddedServer(settings.home_folder)
    url = settings.database_url or (server.start() if server else "")
    stopped, supervisor = Event(), Supervisor()
    if server is not None:
        supervisor.keep("embedded PostgreSQL", partial(server.keep_alive, stopped))
    try:
        if migrate or server is not None:
            migrate_database(settings, settings.migrate_url or url)
        if server is not None:
            url = runtime_login.embedded_url(url, server.folder)
        mode = migrations.check(url)
        if mode != settings.mode:
            msg = f"this is a {mode} ledger, QRLEDGER_MODE says {settings.mode}"
            raise migrations.DatabaseNotReady(msg)
        yield url
    finally:
        stopped.set()
        supervisor.stop()
        if server is not None:
            server.stop()


def migrate_database(settings: Settings, url: str, *, runtime: str = "") -> list[str]:
    """Bring the database up to date; see `infrastructure.postgres.migrate`."""
    secret = secrets.token_bytes(32)
    return migrations.migrate(url, mode=settings.mode, token_secret=secret, runtime=runtime)


def make_guard(settings: Settings, metrics: Metrics | None = None) -> ClockGuard:
    """What judges the database's clock; one per process, for all its logs."""
    return ClockGuard(
        ahead_seconds=settings.clock_ahead_seconds,
        behind_seconds=settings.clock_behind_seconds,
        metrics=metrics,
    )


def make_log(
    url: str,
    database_role: DatabaseRole,
    *,
    size_max: int,
    limit_seconds: float = LINK_SECONDS,
    statement_seconds: int = STATEMENT_SECONDS,
    guard: ClockGuard | None = None,
) -> PostgresLog:
    """The event log with connections of its own; no read takes longer than `limit_seconds`."""
    connections = ConnectionPool(
        url,
        database_role,
        size_max=size_max,
        limit_seconds=limit_seconds,
        statement_seconds=statement_seconds,
    )
    return PostgresLog(connections, new_id=uuid7, guard=guard)


def make_bus(
    log: PostgresLog, metrics: Metrics | None = None, cache: StateCache | None = None
) -> Bus:
    """A bus that decides every command."""
    return Bus(log, cache=cache, metrics=metrics)


def read_tokens(url: str, database_role: DatabaseRole) -> Tokens:
    """The ledger's own secret, for signing tokens."""
    connections = ConnectionPool(url, database_role, size_max=1)
    with connections.connection() as connection:
        row = connection.execute("select token_secret from ledger.identity").fetchone()
    connections.close()
    if row is None:
        msg = "the ledger has no identity: run `qrledger migrate`"
        raise migrations.DatabaseNotReady(msg)
    return Tokens(bytes(row[0]))


@dataclass(slots=True)
class ApiProcess:
    """The HTTP server with everything it needs."""

    app: Litestar
    services: Services
    settings: Settings
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    on_full: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until left; answers what is in flight before it ends.

        Raises:
            PortInUse: the port is taken.
        """
        where = f"{self.settings.host}:{self.settings.port}"
        family = socket.AF_INET6 if ":" in self.settings.host else socket.AF_INET
        address = (self.settings.host, self.settings.port)
        try:
            listening = socket.create_server(address, family=family, backlog=BACKLOG)
        except OSError as error:
            msg = f"{where} cannot be used ({error.strerror}): free it, or set QRLEDGER_PORT"
            raise PortInUse(msg) from error
        table = ConnectionTable(self.limits, self.settings.trusted_proxies, on_full=self.on_full)
        default_headers = security_headers(secure=self.services.config.secure)
        async with serving(self.app, listening, table, default_headers):
            yield


def connection_limits() -> ConnectionLimits:
    """The limits of one port, with as many connections as the descriptors allow."""
    most = descriptors.connections_max(descriptors.raise_limit())
    return ConnectionLimits(total=min(CONNECTIONS_MAX, most))


def make_api(settings: Settings, url: str) -> ApiProcess:
    """The API on a migrated database."""
    shared: dict[str, Any] = {"limit_seconds": READ_SECONDS, "statement_seconds": READ_STATEMENT}
    reads = ConnectionPool(url, DatabaseRole.WRITER, size_max=READ_CONNECTIONS_MAX, **shared)
    probes = ConnectionPool(
        url,
        DatabaseRole.WRITER,
        size_max=PROBE_CONNECTIONS_MAX,
        limit_seconds=READY_SECONDS,
        statement_seconds=READY_STATEMENT,
    )
    snapshots = PostgresSnapshots(reads)
    states = StateCache(snapshot_store=snapshots)
    health = HealthCheck(QueryConnections(probes))
    metrics = PrometheusMetrics(health)
    guard = health.guard = make_guard(settings, metrics)
    read_log = make_log(
        url, DatabaseRole.WRITER, size_max=READ_CONNECTIONS_MAX, guard=guard, **shared
    )
    write_log = make_log(
        url,
        DatabaseRole.WRITER,
        size_max=WRITER_LANES,
        limit_seconds=READ_SECONDS,
        statement_seconds=APPEND_STATEMENT,
        guard=guard,
    )

    def make_writer(deliver: Deliver) -> Writer:
        lanes = (make_bus(write_log, metrics, states) for _ in range(WRITER_LANES))
        return Writer(*lanes, deliver=deliver, metrics=metrics)

    def close() -> None:
        for held in (snapshots, read_log, write_log, reads, probes):
            held.close()

    services = Services(
        config=ApiConfig(
            public_url=settings.public_origin,
            live_public_url=settings.live_origin,
            mode=settings.mode,
            claim_seconds=settings.claim_seconds,
            rate_limit=settings.rate_limit,
            trusted_proxies=settings.trusted_proxies,
        ),
        log=read_log,
        reader=Reader(read_log, StateCache(snapshot_store=snapshots)),
        dispatcher=CommandDispatcher(make_writer),
        tokens=read_tokens(url, DatabaseRole.WRITER),
        read_models=ReadModels(QueryConnections(reads).connection),
        health=health,
        qr_images=SegnoImages(),
        metrics=metrics,
        new_id=uuid7,
        close=close,
    )
    limits = connection_limits()
    return ApiProcess(create_app(services), services, settings, limits, metrics.displaced.inc)


@asynccontextmanager
async def notifying(settings: Settings, url: str) -> AsyncIterator[Notifier]:
    """The notifier with its follower, until left.

    Raises:
        PortInUse: the port is taken.
    """
    supervisor = Supervisor()
    metrics = PrometheusMetrics(
        loops=lambda: {name: halt is not None for name, halt in supervisor.loops.items()}
    )
    guard = make_guard(settings, metrics)
    log = make_log(
        url,
        DatabaseRole.READER,
        size_max=READ_CONNECTIONS_MAX,
        limit_seconds=READ_SECONDS,
        guard=guard,
    )
    config = LiveConfig(
        host=settings.host,
        port=settings.live_port,
        origins=(settings.public_origin,),
        per_address=settings.live_per_address,
        total=settings.live_max,
        trusted_proxies=settings.trusted_proxies,
        secure=urlsplit(settings.public_origin).scheme == "https",
        limits=connection_limits(),
    )
    notifier = Notifier(
        config,
        log=log,
        tokens=read_tokens(url, DatabaseRole.READER),
        on_open=metrics.sockets.set,
        on_disconnect=lambda code: metrics.disconnects.labels(str(code)).inc(),
        on_full=metrics.displaced.inc,
        exposition=metrics.exposition,
        halted=lambda: supervisor.halted,
    )
    follower = Follower(
        log,
        url,
        DatabaseRole.READER,
        after=await asyncio.to_thread(log.head),
        on_unknown=metrics.unknown_event,
    )

    def follow(on_progress: Progress) -> None:
        for page in follower.pages():
            try:
                notifier.feed(page)
            except Exception:
                follower.position -= len(page)  # positions are gapless: the same page again
                raise
            on_progress()

    try:
        await notifier.open()
    except OSError as error:
        where = f"{settings.host}:{settings.live_port}"
        msg = f"{where} cannot be used ({error.strerror}): free it, or set QRLEDGER_LIVE_PORT"
        raise PortInUse(msg) from error
    supervisor.keep("notifier", follow)
    try:
        yield notifier
    finally:
        follower.stop()
        await notifier.close()
        await asyncio.to_thread(supervisor.stop)
        log.close()


@contextmanager
def working(url: str, settings: Settings | None = None) -> Iterator[None]:
    """Projections and expiry, as the one leader or standing by, until left."""
    stopped = Event()
    metrics = PrometheusMetrics()
    guard = make_guard(settings or Settings(), metrics)
    leadership = Supervisor()

    def work() -> tuple[Sequence[Callable[[], None]], LoopReport]:
        supervisor = Supervisor()
        read_log = make_log(url, DatabaseRole.PROJECTOR, size_max=READ_CONNECTIONS_MAX, guard=guard)
        projectors = [
            Projector(model, url=url, log=read_log, metrics=metrics) for model in all_models()
        ]
        write_log = make_log(url, DatabaseRole.WRITER, size_max=1, guard=guard)
        writes = ConnectionPool(url, DatabaseRole.WRITER, size_max=1)
        snapshots = PostgresSnapshots(writes)
        bus = make_bus(write_log, cache=StateCache(snapshot_store=snapshots))
        expiry = ExpiryWorker(url=url, log=read_log, bus=bus, new_id=uuid7)
        for projector in projectors:
            supervisor.keep(projector.model.name, projector.follow)
        supervisor.keep("expiry timers", expiry.follow)
        supervisor.keep("expiry sweep", expiry.sweep)
        stops: list[Callable[[], None]] = [projector.stop for projector in projectors]
        stops += [expiry.stop, supervisor.stop]
        stops += [one.close for one in (read_log, write_log, snapshots, writes)]
        return stops, LoopReport(lambda: supervisor.loops)

    leadership.keep("leadership", lambda _went_well: lead(url, stopped, work))
    try:
        yield
    finally:
        stopped.set()
        leadership.stop()
