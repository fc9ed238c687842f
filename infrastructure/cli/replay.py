"""`replay`: what the recorded payments would have brought under another policy."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from application.what_if import Difference, Kind, Result, reprice
from domain.money.decimals import decimal_text
from domain.money.money import Amount, Money
from infrastructure.cli import _support
from infrastructure.cli.books import progress
from infrastructure.database import open_database
from infrastructure.exports.export import read_range
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.what_if.policy_file import read_policy


@click.command()
@click.option(
    "--policy", required=True, type=click.Path(path_type=Path), help="The policy, a TOML file."
)
@click.option(
    "--from", "first", metavar="BOUND", help="Payments from here on (default: the first)."
)
@click.option("--to", "end", metavar="BOUND", help="Payments before this (default: all).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(*, policy: Path, first: str | None, end: str | None, as_json: bool) -> None:
    """Price recorded payments and refunds again under another policy; nothing is changed.

    A BOUND is a position of the log, a day (its first instant in UTC) or an RFC 3339 time.
    """
    settings = _support.settings()
    with _support.report_errors():
        prices = read_policy(policy)
        with open_database(settings) as url:
            log = make_log(url, DatabaseRole.READER, size_max=1)
            try:
                positions = read_range(log, first, end)
                with progress("replay", log.head()) as on_page:
                    result = reprice(
                        log, prices, first=positions.first, end=positions.end, on_page=on_page
                    )
            finally:
                log.close()
    click.echo(json.dumps(_as_json(result)) if as_json else _as_text(result))


def _as_json(result: Result) -> dict[str, object]:
    lines = [
        {
            "merchant": kind.merchant_id,
            "what": kind.what,
            "currency": kind.currency,
            "payments": line.payments,
            "recorded_minor": line.recorded_minor,
            "repriced_minor": line.repriced_minor,
            "change_minor": line.change_minor,
        }
        for kind, line in sorted(result.lines.items())
    ]
    return {"position": result.position, "data": lines}


def _as_text(result: Result) -> str:
    if not result.lines:
        return f"no payments, up to position {result.position}"
    head = f"up to position {result.position}, after refunds:"
    return "\n".join([head, *(_line(kind, line) for kind, line in sorted(result.lines.items()))])


def _line(kind: Kind, line: Difference) -> str:
    exponent = Money(0, kind.currency).exponent
    recorded, repriced, change = (
        decimal_text(Amount(minor, kind.currency, exponent))
        for minor in (line.recorded_minor, line.repriced_minor, line.change_minor)
    )
    sign = "+" if line.change_minor > 0 else ""
    return (
        f"{kind.merchant_id}  {kind.what} {kind.currency}: {recorded} -> {repriced} "
        f"({sign}{change}) of {line.payments} payments"
    )
