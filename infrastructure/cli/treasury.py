"""`treasury`: money that the house moves into the bank and out of it, and what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import rich_click as click

from application.bus import Bus
from domain.money.money import Money
from domain.treasury.treasury import MoveKind
from infrastructure.accounts import AccountAdmin
from infrastructure.bootstrap.worker import account_credits
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.opening import make_guard, make_log
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.treasury import TreasuryAdmin


@contextmanager
def treasury_admin() -> Iterator[TreasuryAdmin]:
    """The treasury of the configured database."""
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        guard = make_guard(settings)
        log = make_log(url, DatabaseRole.WRITER, size_max=1, guard=guard)
        try:
            with account_credits(url) as credits_:
                admin = AccountAdmin(log, Bus(log), settings.mode)
                yield TreasuryAdmin(log, admin, credits_)
        finally:
            log.close()


@click.group()
def treasury() -> None:
    """The treasury: client money at the bank, by currency."""


@treasury.command("move")
@click.option("--kind", type=click.Choice([kind.value for kind in MoveKind]), required=True)
@click.option("--in/--out", "incoming", default=None, help="Into the bank, or out of it.")
@click.option("--amount-minor", required=True, help="In the currency's minor units: 12345.")
@click.option("--currency", required=True, help="An ISO 4217 code: USD.")
@click.option("--reference", required=True, help="Names the movement; no personal data.")
def move(
    *, kind: str, incoming: bool | None, amount_minor: str, currency: str, reference: str
) -> None:
    """Record a movement that has been made at the bank.

    The same movement under the same reference is recorded once, however often the command is run.
    """
    if incoming is None:
        _support.fail("give --in or --out")
    amount = Money(_support.whole_number("--amount-minor", amount_minor), currency)
    with treasury_admin() as admin:
        outcome = admin.move(MoveKind(kind), amount, incoming=incoming, reference=reference)
        direction = "in" if incoming else "out"
        click.echo(f"moved {direction}: {amount.minor} {currency} in minor units, {kind}")
        before = " before" if outcome.replayed else ""
        click.echo(f"recorded{before} at position {outcome.position}")


@treasury.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, as_json: bool) -> None:
    """Show the money at the bank in minor units, by currency."""
    with treasury_admin() as admin:
        funds = admin.funds()
    if as_json:
        click.echo(json.dumps({"data": [asdict(one) for one in funds]}))
        return
    for one in funds:
        click.echo(
            f"{one.currency}  {one.available_minor} available: {one.topped_up_minor} topped up, "
            f"{one.moved_minor} moved in, {one.payouts_minor} for payouts "
            f"(counted up to position {one.position})"
        )
