"""`merchants qr`: what EMVCo codes say about a merchant."""

from __future__ import annotations

from dataclasses import asdict

import rich_click as click

from application.commands.set_qr_settings import SetQrSettings
from domain.merchants.qr_settings import QrSettings
from infrastructure.cli import _support
from infrastructure.cli.merchant_terms import merchant_admin, show


@click.command("qr")
@click.argument("merchant")
@click.option("--country", help="ISO 3166-1, two letters: US.")
@click.option("--city", help="At most 15 ASCII characters.")
@click.option("--category", help="The merchant category code, four digits (ISO 18245): 5812.")
@click.option("--name", help="As wallets show it: at most 25 ASCII characters.")
@click.option("--postal-code", default="", help="At most 10 ASCII characters.")
@click.option("--language", default="", help="Of the local name, ISO 639-1: ZH.")
@click.option("--local-name", default="", help="The name in that language, at most 25 characters.")
@click.option("--local-city", default="", help="The city in that language, at most 15 characters.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def qr(
    *,
    merchant: str,
    country: str | None,
    city: str | None,
    category: str | None,
    name: str | None,
    postal_code: str,
    language: str,
    local_name: str,
    local_city: str,
    as_json: bool,
) -> None:
    """Set what new EMVCo codes say about MERCHANT; without options, show it.

    Codes that have been made stay as they are.
    """
    new = None
    if country is None or city is None or category is None or name is None:
        if any((country, city, category, name, postal_code, language, local_name, local_city)):
            _support.fail("give --country, --city, --category and --name together")
    else:
        new = QrSettings(
            country=country,
            city=city,
            category=category,
            name=name,
            postal_code=postal_code,
            language=language,
            local_name=local_name,
            local_city=local_city,
        )
    with merchant_admin(merchant) as (admin, merchant_id):
        if new is not None:
            admin.send(SetQrSettings(merchant_id=merchant_id, settings=new))
        found = admin.merchant(merchant_id)
    rows = [] if found.qr is None else [{k: v or None for k, v in asdict(found.qr).items()}]
    show(found, "qr", rows, as_json=as_json)
