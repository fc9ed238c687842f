"""`merchants branding`: the logo and the colour that a merchant's payers see."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import IO

import rich_click as click

from application.bus import Bus
from application.commands.set_branding import SetBranding
from application.errors import NotFound
from application.ports.logos import LogoFile
from domain.merchants.logo import LOGO_BYTES_MAX, read_logo
from domain.merchants.merchant import Merchant
from infrastructure.accounts import AccountAdmin
from infrastructure.cli import _support
from infrastructure.cli.merchant_terms import merchant_id_of
from infrastructure.database import open_database
from infrastructure.opening import make_guard, make_log
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.logos import PostgresLogos


@click.command("branding")
@click.argument("merchant")
@click.option("--logo", type=click.File("rb"), help="A PNG, JPEG or WebP file of at most 16 KiB.")
@click.option("--no-logo", is_flag=True, help="Show no logo.")
@click.option("--accent", help="The colour of buttons, such as #0b6b3f.")
@click.option("--no-accent", is_flag=True, help="Use the colour of the house.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def branding(
    *,
    merchant: str,
    logo: IO[bytes] | None,
    no_logo: bool,
    accent: str | None,
    no_accent: bool,
    as_json: bool,
) -> None:
    """Set the logo and the colour that MERCHANT's payers see; without options, show them.

    What is not named stays as it is. Logos are shown on white. A colour that cannot be told apart
    from the page in light or in dark is replaced there by that of the house.
    """
    if (logo and no_logo) or (accent is not None and no_accent):
        _support.fail("give a new one or its --no- option, not both")
    if accent == "":  # an empty variable of a script
        _support.fail("--accent has no colour; --no-accent takes it back")
    merchant_id = merchant_id_of(merchant)
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url, ExitStack() as resources:
        guard = make_guard(settings)
        log = make_log(url, DatabaseRole.WRITER, size_max=1, guard=guard)
        resources.callback(log.close)
        admin = AccountAdmin(log, Bus(log), settings.mode)
        try:
            found = admin.merchant(merchant_id)
        except NotFound:
            _support.fail(f"there is no merchant {merchant}")
        new = found.branding
        if no_logo:
            new = replace(new, logo=None)
        if logo is not None:
            pool = ConnectionPool(url, DatabaseRole.WRITER, size_max=1)
            resources.callback(pool.close)
            data = logo.read(LOGO_BYTES_MAX + 1)
            new = replace(new, logo=(read := read_logo(data)))
            PostgresLogos(pool.connection).keep(read.sha256, LogoFile(read.media_type, data))
        if accent is not None or no_accent:
            new = replace(new, accent=(accent or "").lower())
        if new != found.branding:
            admin.send(SetBranding(merchant_id=merchant_id, branding=new))
            found = admin.merchant(merchant_id)
    _show(found, as_json=as_json)


def _show(merchant: Merchant, *, as_json: bool) -> None:
    logo, accent = merchant.branding.logo, merchant.branding.accent
    if as_json:
        shown = asdict(logo) if logo else None
        facts = {"merchant": merchant.public_id, "logo": shown, "accent": accent or None}
        click.echo(json.dumps(facts))
        return
    if logo is not None:
        click.echo(f"logo {logo.media_type}, {logo.width} x {logo.height} pixels, {logo.sha256}")
    if accent:
        click.echo(f"accent {accent}")
