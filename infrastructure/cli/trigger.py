"""`trigger`: plays a whole story that leads to an event of a type, in a test ledger."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import rich_click as click

from application.bus import Bus
from application.errors import NotFound
from application.stories.library import STORIES, near
from application.stories.stage import StoryStuck
from domain import ids
from domain.errors import OnlyInTestLedger
from domain.merchants.merchant import Merchant
from infrastructure.accounts import AccountAdmin
from infrastructure.bootstrap.worker import account_credits
from infrastructure.cli import _support
from infrastructure.database import open_database
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.opening import make_guard, make_log
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.settings import Settings
from infrastructure.stage import LedgerStage, Show

NAME_CHARS_MAX: Final = 80
DEMO_BYTES_MAX: Final = 65_536


@click.command()
@click.argument("type_name", metavar="TYPE", required=False)
@click.option("--merchant", help="Whose event it is: mer_…; by default the demo's merchant.")
@click.option("--list", "listed", is_flag=True, help="List the types.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def trigger(*, type_name: str | None, merchant: str | None, listed: bool, as_json: bool) -> None:
    """Play what leads to an event of TYPE, such as payment_session.paid, in a test ledger.

    Merchants, payers and the sandbox do what they do in production, and some stories advance the
    test clock, so `qrledger demo` or `qrledger work` must be running. The event goes wherever
    events go: to webhooks, live sockets and lists.
    """
    if listed:
        _list(as_json=as_json)
        return
    if type_name is None:
        _support.fail("give a TYPE; `qrledger trigger --list` shows them")
    story = STORIES.get(type_name)
    if story is None:
        alike = near(type_name)
        hint = f"did you mean {' or '.join(alike)}?" if alike else "see `qrledger trigger --list`"
        _support.fail(f"there is no story of {type_name[:NAME_CHARS_MAX]!r}; {hint}")
    settings = _support.settings()
    show = _progress()
    with _support.report_errors(), _stage(settings, merchant, show) as stage:
        try:
            recorded = stage.play(type_name, story)
        except StoryStuck as error:
            _support.fail(str(error), _support.EXIT_FAILED)
    document: dict[str, Any] = {
        "type": type_name,
        "id": ids.encode("evt", recorded.event_id),
        "subject": ids.subject(type_name, recorded.stream_id),
        "position": recorded.position,
    }
    if as_json:
        click.echo(json.dumps(document))
    else:
        click.echo("{type}  {subject}  {id}  position {position}".format_map(document))


def _list(*, as_json: bool) -> None:
    if as_json:
        data = [{"type": name, "tells": story.tells} for name, story in STORIES.items()]
        click.echo(json.dumps({"data": data}))
        return
    width = max(map(len, STORIES))
    for name, story in STORIES.items():
        click.echo(f"{name:<{width}}  {story.tells}")


def _progress() -> Show:
    """Shows the steps on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda _line: None
    return lambda line: click.echo(f"  {line}", err=True)


@contextmanager
def _stage(settings: Settings, merchant: str | None, show: Show) -> Iterator[LedgerStage]:
    """The stage on the configured ledger.

    Raises:
        OnlyInTestLedger: the ledger is live; nothing was looked at.
    """
    if settings.mode != "test":
        raise OnlyInTestLedger(feature="`qrledger trigger`")
    with open_database(settings) as url:
        guard = make_guard(settings)
        log = make_log(url, DatabaseRole.WRITER, size_max=1, guard=guard)
        try:
            admin = AccountAdmin(log, Bus(log), settings.mode)
            merchant_id = _merchant(admin, log, settings, merchant)
            with account_credits(url) as credits_:
                yield LedgerStage(log, admin, credits_, merchant_id, show=show)
        finally:
            log.close()


def _merchant(
    admin: AccountAdmin, log: PostgresLog, settings: Settings, merchant: str | None
) -> UUID:
    """The merchant that is named, else the demo's, else the only one."""
    if merchant is not None:
        return _known(admin, merchant)
    demo = _demo_merchant(settings.home_folder)
    registered = [one.stream_id for one in log.of_topics((Merchant.Registered.TOPIC,))]
    if demo in registered:
        return demo
    if len(registered) != 1:
        _support.fail(f"the ledger has {len(registered)} merchants: name one with --merchant mer_…")
    return registered[0]


def _known(admin: AccountAdmin, merchant: str) -> UUID:
    try:
        merchant_id = ids.decode("mer", merchant)
    except ValueError:
        _support.fail(f"{merchant[:NAME_CHARS_MAX]!r} is not a merchant's id, such as mer_…")
    try:
        admin.merchant(merchant_id)
    except NotFound:
        _support.fail(f"there is no merchant {merchant}")
    return merchant_id


def _demo_merchant(home: Path) -> UUID | None:
    """The merchant of the demo that runs on this home, if one does."""
    try:
        with (home / "demo.json").open("rb") as file:
            facts = json.loads(file.read(DEMO_BYTES_MAX))
        return ids.decode("mer", facts["merchant_id"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
