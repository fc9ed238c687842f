"""The ledger's database as the settings describe it: opened, migrated, checked."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from threading import Event

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.errors import LedgerError
from infrastructure import home_keys
from infrastructure.postgres import migrate as migrations
from infrastructure.postgres import runtime_login
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.push import keys as push_keys
from infrastructure.qr_keys import key_file
from infrastructure.sealing.opening import open_log
from infrastructure.settings import Settings
from infrastructure.workers.supervisor import Supervisor

_log = logging.getLogger(__name__)


@contextmanager
def open_database(settings: Settings, *, migrate: bool = False) -> Iterator[str]:
    """The URL of a database that is ready for this program; starts the embedded server if needed.

    The URL of the embedded server has its runtime login; its superuser only migrates. Whenever the
    database is migrated, the file of signing keys is made if there is none.

    Raises (checked in this order):
        EmbeddedError: the embedded server cannot run here.
        DatabaseNotReady: too old, not migrated, newer than this program, of the other mode, or
            only the owner's URL is set.
        psycopg.OperationalError: the server cannot be reached.
    """
    if settings.migrate_url and not settings.database_url:
        msg = "QRLEDGER_MIGRATE_URL is set but QRLEDGER_DATABASE_URL is not: set the runtime's URL"
        raise migrations.DatabaseNotReady(msg)
    server = None if settings.database_url else EmbeddedServer(settings.home_folder)
    url = settings.database_url or (server.start() if server else "")
    stopped, supervisor = Event(), Supervisor()
    if server is not None:
        supervisor.start("embedded PostgreSQL", partial(server.keep_alive, stopped))
    try:
        if migrate or server is not None:
            migrate_database(settings, settings.migrate_url or url)
            with suppress(key_file.BadKeyFile):  # whoever needs the keys says what is wrong
                make_qr_keys(settings)
            with suppress(home_keys.BadKeyFile):
                make_push_key(settings)
            try:
                open_log(settings, settings.migrate_url or url)
            except LedgerError as error:  # payments do not need it
                _log.warning("the log cannot be opened for sealing: %s", error.detail)
        if server is not None:
            url = runtime_login.embedded_url(url, server.folder)
        mode = migrations.check(url)
        if mode != settings.mode:
            raise migrations.wrong_mode(mode, settings.mode)
        yield url
    finally:
        stopped.set()
        supervisor.stop()
        if server is not None:
            server.stop()


def migrate_database(
    settings: Settings, url: str, *, runtime: str = "", sealer: str = ""
) -> list[str]:
    """Apply the missing migrations; see `infrastructure.postgres.migrate.migrate`."""
    secret = secrets.token_bytes(32)
    return migrations.migrate(
        url, mode=settings.mode, token_secret=secret, runtime=runtime, sealer=sealer
    )


def make_qr_keys(settings: Settings) -> str | None:
    """Make the file of signing keys if there is none; returns the id of its key then.

    Raises:
        BadKeyFile: the file that is there cannot be used, or none can be written.
    """
    private, now = Ed25519PrivateKey.generate(), datetime.now(UTC)
    made = key_file.create_if_absent(settings.qr_keys_file, private, now)
    return None if made is None else made.current.id


def make_push_key(settings: Settings) -> bool:
    """Make the file of the key of push notifications if there is none; returns whether it did.

    Raises:
        BadKeyFile: the file that is there cannot be used, or none can be written.
    """
    path = settings.home_folder / push_keys.FILE
    if home_keys.make_key(path):
        return True
    home_keys.read_key(path)
    return False


def read_token_secret(url: str, database_role: DatabaseRole) -> bytes:
    """The ledger's secret for signing tokens.

    Raises (checked in this order):
        psycopg.OperationalError: the server cannot be reached.
        DatabaseNotReady: the ledger has no identity.
    """
    with connect(url, database_role) as connection:
        row = connection.execute("select token_secret from ledger.identity").fetchone()
    if row is None:
        msg = "the ledger has no identity: run `qrledger migrate`"
        raise migrations.DatabaseNotReady(msg)
    return bytes(row[0])
