"""`audit check`: is everything as it must be? On a live database, without stopping anything."""

from __future__ import annotations

import sys
from typing import Final

import rich_click as click

from infrastructure import audit as audits
from infrastructure import bootstrap
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.postgres.connections import DatabaseRole

SHOWN_MAX: Final = 20


@click.group()
def audit() -> None:
    """Audits: what must always be so, checked on the log itself."""


@audit.command("check")
def check() -> None:
    """Check every invariant over the log, its receipts and the read models.

    Reads one snapshot; exit 0 if all is well, 1 on a violation (the first bad positions are named).

    This finds changes that do not fit the rest of the database. It cannot find a history that
    somebody with the owner's or a superuser's rights rewrote consistently.
    """
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        log = bootstrap.make_log(url, DatabaseRole.READER, size_max=1)
        report = audits.check(url, log)
        log.close()
    click.echo(
        f"{report.events} events of {report.commands} commands, {report.sessions} sessions, "
        f"{report.rows} rows: {len(report.violations)} violations"
    )
    click.echo(audits.LIMIT)
    for violation in sorted(report.violations, key=lambda one: one.position)[:SHOWN_MAX]:
        click.echo(str(violation), err=True)
    if report.violations:
        sys.exit(_support.EXIT_FAILED)
