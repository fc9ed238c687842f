"""`migrate` and `rebuild`: changes to the database between releases."""

from __future__ import annotations

import sys
from functools import partial
from typing import Final

import rich_click as click

from infrastructure import home_keys
from infrastructure.bootstrap.common import read_model_names
from infrastructure.bootstrap.worker import make_runners
from infrastructure.cli import _support
from infrastructure.database import (
    make_push_key,
    make_qr_keys,
    migrate_database,
    open_database,
)
from infrastructure.opening import make_log
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.qr_keys.key_file import BadKeyFile
from infrastructure.sealing.opening import open_log

STATEMENT_SECONDS: Final = 600
TRANSACTION_SECONDS: Final = 3600
"""How long the comparison of a read model with its new build may take."""


@click.command()
@click.option("--runtime", default="", metavar="LOGIN", help="Allow this login to run the program.")
@click.option("--sealer", default="", metavar="LOGIN", help="Allow this login to seal the log.")
def migrate(runtime: str, sealer: str) -> None:
    """Bring the database up to date: roles, schema, functions. Safe to repeat.

    Uses QRLEDGER_MIGRATE_URL, the owner's login, or else QRLEDGER_DATABASE_URL. LOGIN, which must
    exist, becomes a member of the writer, projector and reader roles, or of the sealer's, and gets
    no other rights. Makes the file of signing keys, QRLEDGER_QR_KEYS, and the key of push
    notifications, `push.key` in QRLEDGER_HOME, if there is none, and fixes the name under which
    the log is sealed (QRLEDGER_LOG_ORIGIN), if it has none.
    """
    settings = _support.settings()
    with _support.report_errors():
        url = settings.migrate_url or settings.database_url
        server = None if url else EmbeddedServer(settings.home_folder)
        try:
            url = url or (server.start() if server else "")
            applied = migrate_database(settings, url, runtime=runtime, sealer=sealer)
            origin = open_log(settings, url)
        finally:
            if server is not None:
                server.stop()
    for name in applied:
        click.echo(f"applied {name}")
    if origin:
        click.echo(f"the log is sealed under the name {origin}")
    elif origin is None:
        click.echo("the log has no name to be sealed under yet: set QRLEDGER_LOG_ORIGIN and repeat")
    try:
        if made := make_qr_keys(settings):
            click.echo(f"made the signing key {made} in {settings.qr_keys_file}")
    except BadKeyFile as error:  # payments work without it
        click.echo(f"qrledger: {error}", err=True)
    try:
        if make_push_key(settings):
            click.echo(f"made the key of push notifications in {settings.home_folder}")
    except home_keys.BadKeyFile as error:
        click.echo(f"qrledger: {error}", err=True)
    click.echo(f"the {settings.mode} ledger is up to date")


@click.command()
@click.option(
    "--verify", is_flag=True, help="Only compare with a new build; exit 1 on a difference."
)
@click.argument("names", nargs=-1)
def rebuild(names: tuple[str, ...], *, verify: bool) -> None:
    """Replay the log from position 1 into new read models: NAMES, or all of them."""
    settings = _support.settings()
    known = read_model_names()
    unknown = [name for name in names if name not in known]
    if unknown:
        _support.fail(f"no read model {unknown[0]}; the read models are {', '.join(known)}")
    differences: list[str] = []
    with _support.report_errors(), open_database(settings) as url:
        log = make_log(url, DatabaseRole.READER, size_max=1)
        pool = ConnectionPool(
            url,
            DatabaseRole.PROJECTOR,
            size_max=1,
            limit_seconds=TRANSACTION_SECONDS,
            statement_seconds=STATEMENT_SECONDS,
        )
        for runner in make_runners(pool.connection):
            if names and runner.name not in names:
                continue
            read = partial(log.page, topics=runner.topics)
            if verify:
                lines = runner.verify(read)
                differences += lines
                click.echo(
                    f"{runner.name}: {len(lines)} differences" if lines else f"{runner.name}: equal"
                )
            else:
                click.echo(f"{runner.name}: rebuilt up to position {runner.rebuild(read)}")
        pool.close()
        log.close()
    for line in differences:
        click.echo(line, err=True)
    if differences:
        sys.exit(_support.EXIT_FAILED)
