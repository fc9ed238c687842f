"""`merchants dashboard-link`: a link that opens a merchant's dashboards once."""

from __future__ import annotations

import json

import rich_click as click

from application.errors import NotFound
from application.reader import Reader
from domain import ids, times
from domain.merchants.merchant import Merchant
from domain.sessions.payment_session import PaymentSession
from infrastructure.bootstrap.dashboards import dashboard_link
from infrastructure.cli import _support
from infrastructure.cli.merchant_terms import merchant_id_of
from infrastructure.database import open_database
from infrastructure.opening import make_guard, make_log
from infrastructure.postgres.connections import DatabaseRole


@click.command("dashboard-link")
@click.argument("merchant")
@click.option("--session", metavar="ID", help="Open the history of this session, ps_….")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def print_dashboard_link(*, merchant: str, session: str | None, as_json: bool) -> None:
    """Print a link that opens MERCHANT's dashboards once, within ten minutes.

    The link is a secret until it is used. What is asked for on the pages is recorded as the
    operator's. A merchant's own system makes links with POST /v1/dashboard-links.
    """
    merchant_id = merchant_id_of(merchant)
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        guard = make_guard(settings)
        log = make_log(url, DatabaseRole.WRITER, size_max=1, guard=guard)
        try:
            reader = Reader(log)
            now = reader.get(Merchant, merchant_id, "merchant").now
            if session is not None:
                _check_session(reader, session, merchant)
        except NotFound as refusal:
            _support.fail(f"there is no such {refusal.facts['thing']}")
        finally:
            log.close()
        link, expires_at = dashboard_link(settings, url, merchant_id, now, session or "")
    facts = {"url": link, "expires_at": times.to_text(expires_at)}
    click.echo(json.dumps(facts) if as_json else link)


def _check_session(reader: Reader, session: str, merchant: str) -> None:
    """Check that a session is the merchant's.

    Raises:
        NotFound: there is no such session, or it is another merchant's.
    """
    try:
        session_id = ids.decode("ps", session)
    except ValueError:
        _support.fail(f"{session[:80]!r} is not a session's id, such as ps_…")
    found = reader.get(PaymentSession, session_id, "payment session").state
    if found.merchant_id != merchant:
        raise NotFound(thing="payment session")
