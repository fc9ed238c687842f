"""`migrate` and `rebuild`: what is done to the database between releases."""

from __future__ import annotations

import sys

import rich_click as click

from infrastructure import bootstrap
from infrastructure.cli import _support
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.workers.projector import BUILD_SECONDS
from projections._read_model import all_models
from projections._runner import Runner


@click.command()
@click.option("--runtime", default="", metavar="LOGIN", help="Let this login run the program.")
def migrate(runtime: str) -> None:
    """Bring the database up to date: roles, schema, functions. Safe to repeat.

    Uses QRLEDGER_MIGRATE_URL, the owner's login, or else QRLEDGER_DATABASE_URL. A LOGIN that you
    made becomes a member of the writer, the projector and the reader; nothing else is granted.
    """
    settings = _support.settings()
    with _support.report_errors():
        url = settings.migrate_url or settings.database_url
        server = None if url else EmbeddedServer(settings.home_folder)
        try:
            url = url or (server.start() if server else "")
            applied = bootstrap.migrate_database(settings, url, runtime=runtime)
        finally:
            if server is not None:
                server.stop()
    for name in applied:
        click.echo(f"applied {name}")
    click.echo(f"the {settings.mode} ledger is up to date")


@click.command()
@click.option("--verify", is_flag=True, help="Compare with a fresh build; exit 1 on a difference.")
@click.argument("names", nargs=-1)
def rebuild(names: tuple[str, ...], *, verify: bool) -> None:
    """Replay the log from position 1 into fresh read models (all, or the named ones)."""
    settings = _support.settings()
    models = {model.name: model for model in all_models()}
    unknown = [name for name in names if name not in models]
    if unknown:
        _support.fail(f"no read model {unknown[0]}; there are {', '.join(models)}")
    differences: list[str] = []
    with _support.report_errors(), bootstrap.database(settings) as url:
        log = bootstrap.make_log(url, DatabaseRole.PROJECTOR, size_max=1)
        for name in names or tuple(models):
            with connect(
                url, DatabaseRole.PROJECTOR, statement_seconds=BUILD_SECONDS
            ) as connection:
                runner = Runner(models[name], connection)
                if verify:
                    found = runner.verify(log.read)
                    differences += found
                    click.echo(f"{name}: {len(found)} differences" if found else f"{name}: equal")
                else:
                    click.echo(f"{name}: rebuilt up to position {runner.rebuild(log.read)}")
        log.close()
    for line in differences:
        click.echo(line, err=True)
    if differences:
        sys.exit(_support.EXIT_FAILED)
