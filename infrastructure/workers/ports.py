"""What the worker's processes may use, except what comes from the layers above this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from random import SystemRandom
from typing import Final

from application.ports.bank import Bank
from application.ports.webhooks import WebhookSecrets
from application.reader import Reader
from infrastructure.bank.sandbox import SandboxBank
from infrastructure.bank.unconnected import UnconnectedBank
from infrastructure.database import read_token_secret
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.fx.ecb_live import EcbLive, NoProvider
from infrastructure.postgres.attempts import PostgresAttemptNotes, PostgresCallbackInbox
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.processor_rests import PostgresProcessorRests
from infrastructure.postgres.push import PostgresPushSubscriptions
from infrastructure.postgres.rates import PostgresRates
from infrastructure.postgres.sandbox import PostgresSandboxStore
from infrastructure.postgres.webhooks import PostgresDeliveries
from infrastructure.processors.configured import make_processors, make_sandbox
from infrastructure.push.configured import push_transports
from infrastructure.push.keys import PushKeys, read_file
from infrastructure.settings import Settings
from infrastructure.webhooks.secrets import DerivedSecrets, key_file
from infrastructure.webhooks.sender import GuardedSender

PORT_CONNECTIONS_MAX: Final = 4
"""For what the worker's processes read."""


def make_bank(settings: Settings) -> Bank:
    """The bank that sends payouts; a live ledger has none yet."""
    return SandboxBank() if settings.mode == "test" else UnconnectedBank()


def make_webhook_secrets(settings: Settings) -> WebhookSecrets:
    """The secrets of webhooks, from the key in the ledger's home."""
    return DerivedSecrets(key_file(settings.home_folder))


@contextmanager
def adapters(settings: Settings, url: str) -> Iterator[Mapping[str, object]]:
    """The adapters of the processes' ports, by the names of their constructors' parameters."""
    with ExitStack() as resources:

        def make_pool(database_role: DatabaseRole, size_max: int) -> ConnectionPool:
            pool = ConnectionPool(url, database_role, size_max=size_max)
            resources.callback(pool.close)
            return pool

        log = PostgresLog(make_pool(DatabaseRole.READER, PORT_CONNECTIONS_MAX))
        rates = make_pool(DatabaseRole.PROJECTOR, 1)
        beside = make_pool(DatabaseRole.PROJECTOR, PORT_CONNECTIONS_MAX)
        deliveries = make_pool(DatabaseRole.PROJECTOR, PORT_CONNECTIONS_MAX)
        rests = PostgresProcessorRests(beside.connection)
        sandbox = make_sandbox(
            settings,
            PostgresSandboxStore(beside.connection),
            token_secret=read_token_secret(url, DatabaseRole.READER),
            now=log.now,
        )
        push_keys = PushKeys(read_file(settings.home_folder))
        subscriptions = make_pool(DatabaseRole.PROJECTOR, PORT_CONNECTIONS_MAX)
        sender = GuardedSender(loopback=settings.webhook_loopback)
        resources.callback(sender.close)
        yield {
            "bank": make_bank(settings),
            "callback_inbox": PostgresCallbackInbox(beside.connection),
            "notes": PostgresAttemptNotes(beside.connection),
            "late_money_seconds": settings.late_money_seconds,
            "processors": make_processors(settings, sandbox, rests.note, now=log.now),
            "sandbox": sandbox,
            "reader": Reader(log),
            "rate_provider": EcbLive() if settings.fx_live else NoProvider(),
            "rate_store": PostgresRates(rates.connection),
            "webhook_log": log,
            "deliveries": PostgresDeliveries(deliveries.connection),
            "webhook_sender": sender,
            "webhook_secrets": make_webhook_secrets(settings),
            "push_subscriptions": PostgresPushSubscriptions(subscriptions.connection, push_keys),
            "push_transports": resources.enter_context(push_transports(settings, push_keys)),
            "wall_clock": partial(datetime.now, UTC),
            "random": SystemRandom(),
        }
