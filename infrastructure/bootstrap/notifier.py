"""The notifier: live sockets and the feed that they follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from api.blocking import READ_SECONDS
from api.live.config import LiveConfig
from api.live.merchant_admission import MerchantServices
from api.live.protocol import FOLLOWED
from api.live.server import Notifier
from domain.merchants.api_key import ApiKey
from infrastructure.bootstrap.common import (
    READ_CONNECTIONS_MAX,
    connection_limits,
    make_config,
    read_tokens,
)
from infrastructure.http_server import port_in_use
from infrastructure.metrics import PrometheusMetrics
from infrastructure.opening import make_guard, make_log
from infrastructure.postgres.connections import (
    ConnectionPool,
    DatabaseRole,
)
from infrastructure.postgres.live_tickets import PostgresLiveTickets
from infrastructure.postgres.query_connections import QueryConnections
from infrastructure.settings import Settings
from infrastructure.workers.following import Delivery
from infrastructure.workers.live_feed import LiveFeed
from infrastructure.workers.ports import PORT_CONNECTIONS_MAX
from projections._read_model import ReadModels

MERCHANT_TOPICS: Final = FOLLOWED | {ApiKey.Revoked.TOPIC}


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
        livemode=make_config(settings).livemode,
        secure=make_config(settings).secure,
        api_origin=settings.public_origin,
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
