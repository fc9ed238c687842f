"""`status`: is the ledger ready, and if not, what keeps it from it?"""

from __future__ import annotations

import json
import sys

import rich_click as click

from infrastructure import status as statuses
from infrastructure.cli import _support
from infrastructure.postgres import runtime_login
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.settings import Settings


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(*, as_json: bool) -> None:
    """Show database, head, read models, loops, timers and clock. Exit 0 when ready, 1 when not.

    Starts nothing: an embedded server that is not running is reported as such.
    """
    settings = _support.settings()
    with _support.report_errors():
        found = _status(settings)
    if as_json:
        click.echo(json.dumps(found.as_json()))
    else:
        for line in found.lines():
            click.echo(line)
    if not found.ready:
        sys.exit(_support.EXIT_FAILED)


def _status(settings: Settings) -> statuses.Status:
    url: str | None = settings.database_url
    if not url:
        server = EmbeddedServer(settings.home_folder)
        owner_url = server.running_url()
        url = runtime_login.known_url(owner_url, server.folder) if owner_url else None
    if not url:
        where = settings.home_folder
        return statuses.Status(problems=[f"the embedded PostgreSQL in {where} is not running"])
    return statuses.status(url, settings.mode)
