"""`status`: whether the ledger is ready, and if not, why."""

from __future__ import annotations

import json
import sys

import rich_click as click

from infrastructure.bootstrap.common import ledger_status
from infrastructure.cli import _support
from infrastructure.postgres import runtime_login
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.settings import Settings
from infrastructure.status import Status


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show_status(*, as_json: bool) -> None:
    """Show the log, read models, loops, tasks and clock. Exit 0 if ready, 1 if not.

    Starts nothing: an embedded server that is not running is reported as a problem.
    """
    settings = _support.settings()
    with _support.report_errors():
        status = _read_status(settings)
    if as_json:
        click.echo(json.dumps(status.as_json()))
    else:
        for line in status.lines():
            click.echo(line)
    if not status.ready:
        sys.exit(_support.EXIT_FAILED)


def _read_status(settings: Settings) -> Status:
    url: str | None = settings.database_url
    if not url:
        server = EmbeddedServer(settings.home_folder)
        owner_url = server.running_url()
        url = runtime_login.existing_url(owner_url, server.folder) if owner_url else None
    if not url:
        home = settings.home_folder
        return Status(problems=[f"the embedded PostgreSQL in {home} is not running"])
    return ledger_status(url, settings)
