"""`merchants plan|payouts|processors`: fees of a merchant, its payouts, its processors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import rich_click as click

from application.commands.set_fee_plan import SetFeePlan
from application.commands.set_payout_terms import SetPayoutTerms
from application.commands.set_processors import SetProcessors
from application.errors import NotFound
from domain import ids
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.merchants.merchant import Merchant
from domain.merchants.payout_terms import PayoutTerms
from infrastructure.accounts import AccountAdmin
from infrastructure.cli import _support
from infrastructure.cli.accounts import account_admin
from infrastructure.processors.configured import configured_names


def merchant_id_of(merchant: str) -> UUID:
    """The merchant's stream; anything but a merchant's id ends the program."""
    try:
        return ids.decode("mer", merchant)
    except ValueError:
        _support.fail(f"{merchant[:80]!r} is not a merchant's id, such as mer_…")


@contextmanager
def merchant_admin(merchant: str) -> Iterator[tuple[AccountAdmin, UUID]]:
    """The operator's commands and the merchant's stream; an unknown merchant ends the program."""
    merchant_id = merchant_id_of(merchant)
    with account_admin() as admin:
        try:
            yield admin, merchant_id
        except NotFound:
            _support.fail(f"there is no merchant {merchant}")


@click.command("plan")
@click.argument("merchant")
@click.option("--currency", help="An ISO 4217 code: USD.")
@click.option("--basis-points", help="Hundredths of a percent of the amount, 0 to 10000.")
@click.option("--fixed", help="The fixed part, in the currency's minor units.")
@click.option(
    "--refund-policy",
    type=click.Choice([policy.value for policy in FeeRefundPolicy]),
    default=FeeRefundPolicy.PROPORTIONAL.value,
    show_default=True,
    help="Whether a refund returns its share of the fee.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(
    *,
    merchant: str,
    currency: str | None,
    basis_points: str | None,
    fixed: str | None,
    refund_policy: str,
    as_json: bool,
) -> None:
    """Set the fees of MERCHANT's new sessions in a currency; without options, show them."""
    if currency is None and (basis_points is not None or fixed is not None):
        _support.fail("give --currency")
    if currency is not None and basis_points is None and fixed is None:
        _support.fail("give --basis-points, --fixed or both")
    new = FeePlan(
        _support.whole_number("--basis-points", basis_points or "0"),
        _support.whole_number("--fixed", fixed or "0"),
        FeeRefundPolicy(refund_policy),
    )
    with merchant_admin(merchant) as (admin, merchant_id):
        if currency is not None:
            admin.send(SetFeePlan(merchant_id=merchant_id, currency=currency, plan=new))
        found = admin.merchant(merchant_id)
    show(found, "plans", [_plan(*item) for item in sorted(found.plans.items())], as_json=as_json)


@click.command("payouts")
@click.argument("merchant")
@click.option("--currency", help="An ISO 4217 code: USD.")
@click.option("--destination", help="Your reference of the bank account; never its number.")
@click.option("--daily-at", help="HH:MM; without it payouts are made only when asked for.")
@click.option("--zone", default="UTC", show_default=True, help="The IANA time zone of --daily-at.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def payouts(
    *,
    merchant: str,
    currency: str | None,
    destination: str | None,
    daily_at: str | None,
    zone: str,
    as_json: bool,
) -> None:
    """Set where MERCHANT's payouts in a currency go, and when; without options, show it."""
    if (currency is None) != (destination is None) or (currency is None and daily_at is not None):
        _support.fail("give --currency and --destination together")
    with merchant_admin(merchant) as (admin, merchant_id):
        if currency is not None and destination is not None:
            terms = PayoutTerms(destination, daily_at, zone)
            command = SetPayoutTerms(merchant_id=merchant_id, currency=currency, terms=terms)
            admin.send(command)
        found = admin.merchant(merchant_id)
    rows = [_terms(*item) for item in sorted(found.payout_terms.items())]
    show(found, "payouts", rows, as_json=as_json)


@click.command("processors")
@click.argument("merchant")
@click.argument("names", nargs=-1)
@click.option("--none", "no_processors", is_flag=True, help="Take payments from wallets only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def processors(
    *, merchant: str, names: tuple[str, ...], no_processors: bool, as_json: bool
) -> None:
    """Set the processors (NAMES) through which MERCHANT is paid; without names, show them.

    Payers are offered them in this order, if they are configured. Attempts under way go on.
    """
    if names and no_processors:
        _support.fail("give the names of processors or --none")
    with merchant_admin(merchant) as (admin, merchant_id):
        if names or no_processors:
            admin.send(SetProcessors(merchant_id=merchant_id, processors=names))
        found = admin.merchant(merchant_id)
    configured = configured_names(_support.settings())
    for name in found.processors:
        if name not in configured:
            text = (
                f"qrledger: the processor {name} is not configured here: payers are not offered it"
            )
            click.echo(text, err=True)
    if as_json:
        facts = {"merchant": found.public_id, "processors": list(found.processors)}
        click.echo(json.dumps(facts))
        return
    for name in found.processors:
        click.echo(name)


def _plan(currency: str, one: FeePlan) -> dict[str, Any]:
    return {
        "currency": currency,
        "basis_points": one.basis_points,
        "fixed_minor": one.fixed_minor,
        "refund_policy": one.refund_policy.value,
    }


def _terms(currency: str, one: PayoutTerms) -> dict[str, Any]:
    return {
        "currency": currency,
        "destination": one.destination,
        "daily_at": one.daily_at,
        "zone": one.zone,
    }


def show(merchant: Merchant, name: str, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print the rows as JSON, or one line for each."""
    if as_json:
        click.echo(json.dumps({"merchant": merchant.public_id, name: rows}))
        return
    for row in rows:
        facts = ", ".join(f"{key} {value}" for key, value in row.items() if value is not None)
        click.echo(facts)
