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

import psycopg
from litestar import Litestar
from psycopg import Connection
from psycopg.rows import TupleRow
from uuid_utils.compat import uuid7

from api.app import create_app
from api.command_gate import CommandGate
from api.connections import CONNECTIONS_MAX, ConnectionLimits, ConnectionTable
from api.context import ApiConfig, Health, Services
from api.live.server import LiveConfig, Notifier
from api.security_headers import security_headers
from api.tokens import Tokens
from api.waits import READ_SECONDS, READY_SECONDS
from application.bus import Bus
from application.clock_guard import ClockGuard
from application.commands import serve_all
from application.errors import LogUnavailable, Overloaded
from application.ports.metrics import Metrics
from application.reader import Reader
from application.state_cache import StateCache
from application.writer import Deliver, Writer
from infrastructure import descriptors
from infrastructure.event_store.follower import Follower
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.event_store.postgres_snapshots import PostgresSnapshots
from infrastructure.health import health
from infrastructure.http_server import BACKLOG, serving
from infrastructure.metrics import PrometheusMetrics
from infrastructure.postgres import migrate as migrations
from infrastructure.postgres import runtime_login
from infrastructure.postgres.connections import LINK_SECONDS, STATEMENT_SECONDS, Connections, Right
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.failures import is_world
from infrastructure.qr_images import SegnoImages
from infrastructure.settings import Settings
from infrastructure.workers.expiry import ExpiryWorker
from infrastructure.workers.loops import LoopReport
from infrastructure.workers.projector import Projector
from infrastructure.workers.supervisor import Progress, Supervisor, lead
from projections._read_model import all_models
from projections.sessions import Sessions
from projections.wallet_payments import WalletPayments

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
    right: Right,
    *,
    size_max: int,
    limit_seconds: float = LINK_SECONDS,
    statement_seconds: int = STATEMENT_SECONDS,
    guard: ClockGuard | None = None,
) -> PostgresLog:
    """The event log with connections of its own; no read takes longer than `limit_seconds`."""
    connections = Connections(
        url,
        right,
        size_max=size_max,
        limit_seconds=limit_seconds,
        statement_seconds=statement_seconds,
    )
    return PostgresLog(connections, new_id=uuid7, guard=guard)


def make_bus(
    log: PostgresLog, metrics: Metrics | None = None, cache: StateCache | None = None
) -> Bus:
    """A bus that decides every command."""
    return serve_all(Bus(log, cache=cache, metrics=metrics))


def read_tokens(url: str, right: Right) -> Tokens:
    """The ledger's own secret, for signing tokens."""
    connections = Connections(url, right, size_max=1)
    with connections.connection() as connection:
        row = connection.execute("select token_secret from ledger.identity").fetchone()
    connections.close()
    if row is None:
        msg = "the ledger has no identity: run `qrledger migrate`"
        raise migrations.DatabaseNotReady(msg)
    return Tokens(bytes(row[0]))


class PostgresReadModels:
    """The read models as the API asks them."""

    def __init__(
        self, connections: Connections, probes: Connections, guard: ClockGuard | None = None
    ) -> None:
        self._connections = connections
        self._probes = probes
        self.guard = guard if guard is not None else ClockGuard()
        self.sessions = Sessions(self._reading)
        self.wallet_payments = WalletPayments(self._reading)

    def position(self, name: str) -> int:
        """The last position a read model has taken in, 0 before its first."""
        query = "select position from read_models.tracking where name = %s"
        with self._reading() as connection:
            row = connection.execute(query, (name,)).fetchone()
        return int(row[0]) if row else 0

    def health(self) -> Health:
        """How the ledger stands, on connections that no other read can hold."""
        with self._reading(self._probes) as connection:
            return health(connection, self.guard)

    @contextmanager
    def _reading(self, connections: Connections | None = None) -> Iterator[Connection[TupleRow]]:
        try:
            with (connections or self._connections).connection() as connection:
                yield connection
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            reason = "the list has not been built yet"  # by any worker, or by one of this version
            raise Overloaded(reason=reason) from error
        except psycopg.Error as error:
            if not is_world(error):
                raise
            raise LogUnavailable(reason="the database is away or busy") from error


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
        always = security_headers(secure=self.services.config.secure)
        async with serving(self.app, listening, table, always):
            yield


def connection_limits() -> ConnectionLimits:
    """The limits of one port, with as many connections as the descriptors allow."""
    most = descriptors.connections_max(descriptors.raise_limit())
    return ConnectionLimits(total=min(CONNECTIONS_MAX, most))


def make_api(settings: Settings, url: str) -> ApiProcess:
    """The API on a migrated database."""
    shared: dict[str, Any] = {"limit_seconds": READ_SECONDS, "statement_seconds": READ_STATEMENT}
    reads = Connections(url, Right.WRITER, size_max=READ_CONNECTIONS_MAX, **shared)
    probes = Connections(
        url,
        Right.WRITER,
        size_max=PROBE_CONNECTIONS_MAX,
        limit_seconds=READY_SECONDS,
        statement_seconds=READY_STATEMENT,
    )
    snapshots = PostgresSnapshots(reads)
    states = StateCache(snapshot_store=snapshots)
    models = PostgresReadModels(reads, probes)
    metrics = PrometheusMetrics(models.health)
    guard = models.guard = make_guard(settings, metrics)
    read_log = make_log(url, Right.WRITER, size_max=READ_CONNECTIONS_MAX, guard=guard, **shared)
    write_log = make_log(
        url,
        Right.WRITER,
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
        gate=CommandGate(make_writer),
        tokens=read_tokens(url, Right.WRITER),
        read_models=models,
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
        url, Right.READER, size_max=READ_CONNECTIONS_MAX, limit_seconds=READ_SECONDS, guard=guard
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
        tokens=read_tokens(url, Right.READER),
        on_open=metrics.sockets.set,
        on_part=lambda code: metrics.partings.labels(str(code)).inc(),
        on_full=metrics.displaced.inc,
        exposition=metrics.exposition,
        halted=lambda: supervisor.halted,
    )
    follower = Follower(
        log,
        url,
        Right.READER,
        after=await asyncio.to_thread(log.head),
        on_unknown=metrics.unknown_event,
    )

    def follow(went_well: Progress) -> None:
        for page in follower.pages():
            try:
                notifier.feed(page)
            except Exception:
                follower.position -= len(page)  # positions are gapless: the same page again
                raise
            went_well()

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
        read_log = make_log(url, Right.PROJECTOR, size_max=READ_CONNECTIONS_MAX, guard=guard)
        projectors = [
            Projector(model, url=url, log=read_log, metrics=metrics) for model in all_models()
        ]
        write_log = make_log(url, Right.WRITER, size_max=1, guard=guard)
        writes = Connections(url, Right.WRITER, size_max=1)
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
