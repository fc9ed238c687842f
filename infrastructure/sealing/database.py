"""The database as the sealer opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from application.bus import Bus
from domain.audit import vkey as vkeys
from domain.audit.vkey import VerifierKey
from domain.errors import LedgerError
from infrastructure.accounts import AccountAdmin
from infrastructure.database import open_database
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres import sealer_login
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import DatabaseNotReady
from infrastructure.postgres.runtime_login import LoginRefused
from infrastructure.sealing.home import SealHome, SealHomeError
from infrastructure.sealing.keys import SealKeys
from infrastructure.sealing.opening import read_log
from infrastructure.settings import Settings
from infrastructure.witnessing import demo as demo_witness
from infrastructure.witnessing.home import WitnessHomeError


@contextmanager
def open_for_sealing(settings: Settings) -> Iterator[str]:
    """The URL of the database with the sealer's login.

    For the embedded server the login and the first key are made, if they do not exist: there one
    user of the operating system has everything anyway.

    Raises (checked in this order):
        DatabaseNotReady: there is a database of one's own, but no login of the sealer's.
        EmbeddedError, psycopg.OperationalError: see `open_database`.
    """
    if settings.seal_database_url:
        yield settings.seal_database_url
        return
    if settings.database_url or settings.migrate_url:
        msg = "the sealer needs a login of its own: set QRLEDGER_SEAL_DATABASE_URL"
        raise DatabaseNotReady(msg)
    with open_database(settings) as url:
        yield prepare(settings, url).url


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the sealer of an embedded server or of the demo starts with."""

    url: str = ""
    """Empty if the log cannot be sealed here."""
    vkey: str = ""
    witness_port: str = ""
    """Of the demo's own witness; empty without one."""
    witness_vkey: str = ""
    reason: str = ""
    """Why not."""


def prepare(settings: Settings, url: str) -> Prepared:
    """Make the sealer's login and its first key, where one user has all rights.

    Args:
        settings: of the embedded server, or of a demo on a database of one's own.
        url: the runtime's URL, or the owner's.

    Raises:
        DatabaseNotReady: the login cannot be made here.
        LedgerError, SealHomeError: the key cannot be made or announced.
    """
    home = SealHome(settings.seal_folder)
    home.make()
    with closing(writable_log(url)) as log:
        vkey = SealKeys(home, log, AccountAdmin(log, Bus(log), settings.mode).send).ensure()
    return Prepared(settings.seal_database_url or _make_login(settings, url, home.folder), vkey)


def prepare_demo(settings: Settings, url: str) -> Prepared:
    """`prepare`, and a witness unless the policy is another than the demo's.

    Whatever is raised is a reason, because the demo goes on without a sealer.
    """
    try:
        prepared = prepare(settings, url)
        if Path(settings.witness_policy) != demo_witness.policy_path(settings):
            return prepared
        port = demo_witness.free_port(settings)
        key = demo_witness.prepare(settings, _signing(url), port)
        return replace(prepared, witness_port=str(port), witness_vkey=str(key))
    except (DatabaseNotReady, SealHomeError, WitnessHomeError) as error:
        return Prepared(reason=str(error))
    except LedgerError as error:
        return Prepared(reason=error.detail)


def _signing(url: str) -> list[VerifierKey]:
    with closing(writable_log(url)) as log:
        sealed = read_log(log)
    return [vkeys.parse(key.vkey) for key in sealed.signing] if sealed else []


def writable_log(url: str) -> PostgresLog:
    """The log, for the few events about itself."""
    return PostgresLog(ConnectionPool(url, DatabaseRole.WRITER, size_max=1))


def _make_login(settings: Settings, url: str, folder: Path) -> str:
    owner_url = settings.migrate_url or settings.database_url
    if not owner_url:
        owner_url = EmbeddedServer(settings.home_folder).running_url() or url
    try:
        return sealer_login.make_url(owner_url, folder)
    except (psycopg.Error, LoginRefused) as error:
        msg = (
            f"the sealer's login cannot be made ({str(error).strip()}): set "
            "QRLEDGER_SEAL_DATABASE_URL"
        )
        raise DatabaseNotReady(msg) from error
