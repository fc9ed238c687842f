"""`audit check`: check the invariants of a live database, without stopping anything."""

from __future__ import annotations

import sys
from typing import Final

import rich_click as click

from infrastructure import audit as audits
from infrastructure.bootstrap.common import read_model_versions
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole

VIOLATIONS_MAX: Final = 20


@click.command("check")
def check() -> None:
    """Check every invariant of the log, its receipts, the snapshots and the read models.

    Reads one snapshot of the database. Exits with 0 if there is no violation, with 1 otherwise;
    the first violations are listed by position.

    This check finds changes that contradict the rest of the database. It cannot find a history
    that the owner or a superuser rewrote consistently.
    """
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        log = make_log(url, DatabaseRole.READER, size_max=1)
        report = audits.check(url, log, versions=read_model_versions())
        log.close()
    click.echo(
        f"{report.events} events of {report.commands} commands, {report.sessions} sessions, "
        f"{report.rows} rows: {len(report.violations)} violations"
    )
    click.echo(audits.LIMIT)
    by_position = sorted(report.violations, key=lambda violation: violation.position)
    for violation in by_position[:VIOLATIONS_MAX]:
        click.echo(str(violation), err=True)
    if report.violations:
        sys.exit(_support.EXIT_FAILED)
