"""`listen`: a merchant's events, forwarded to a developer's server as webhooks would tell them."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from threading import Event
from typing import Any, Final, cast

import rich_click as click

from application.event_log import fold
from application.forwarding import Forwarder, MerchantEvents
from application.processes._webhook_fanout import WebhookLog
from domain import ids
from domain.merchants import standard_webhooks
from domain.merchants.merchant import Merchant
from domain.merchants.webhook_endpoint import TYPES
from infrastructure import logs
from infrastructure.bootstrap.worker import process_ports
from infrastructure.cli import _following, _support
from infrastructure.cli._listen_lines import Lines
from infrastructure.cli._listen_state import ListenState, exclusive_state
from infrastructure.database import open_database
from infrastructure.webhooks.forward import ForwardSender, check_forward_url

SECRET_NUMBER: Final = 1
DEMO_BYTES_MAX: Final = 65_536


@click.command()
@click.option("--forward-to", required=True, metavar="URL", help="Where the events go.")
@click.option("--merchant", help="The merchant's id. Default: the demo's.")
@click.option("--types", default="*", help="Types to forward, separated by commas. Default: all.")
@click.option("--after", help="Begin after this position. Default: where the last run ended.")
@click.option("--remote", is_flag=True, help="Allow a URL of another machine.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def listen(
    *,
    forward_to: str,
    merchant: str | None,
    types: str,
    after: str | None,
    remote: bool,
    as_json: bool,
) -> None:
    """Forward the events of one merchant to a server, signed as webhooks are, until Ctrl-C.

    The first run begins with the next event, later ones where the last one ended. Events are sent
    one after the other; one that fails four times is given up, and the next one follows.
    """
    settings = _support.settings()
    logs.configure(logging.WARNING)
    wanted = None if after is None else _support.whole_number("--after", after)
    topics = _topics(types)
    with _support.report_errors(), _following.quiet_pipe():
        check_forward_url(forward_to, remote=remote)
        merchant_id = merchant or _merchant_of_demo(settings.home_folder)
        with (
            exclusive_state(settings.home_folder, merchant_id, forward_to) as state,
            open_database(settings) as url,
            process_ports(settings, url) as ports,
        ):
            log = cast("WebhookLog", ports["webhook_log"])
            _check_merchant(log, merchant_id)
            begin = _begin(state, log.head(), wanted)
            _introduce(ports, merchant_id, forward_to, begin, as_json=as_json)

            def work(stopped: Event) -> None:
                forwarder = _forwarder(
                    ports, merchant_id, topics, forward_to, state, stopped,
                    remote=remote, as_json=as_json,
                )  # fmt: skip
                state.write(begin)
                last = _following.follow(url, begin, stopped, forwarder.forward)
                click.echo(f"stopped after position {last}", err=True)

            _following.run_until_interrupted(work)


def _forwarder(
    ports: Mapping[str, object],
    merchant_id: str,
    topics: Collection[str],
    url: str,
    state: ListenState,
    stopped: Event,
    *,
    remote: bool,
    as_json: bool,
) -> Forwarder:
    typed: Mapping[str, Any] = ports
    return Forwarder(
        MerchantEvents(typed["webhook_log"], typed["webhook_bodies"], merchant_id, topics),
        ForwardSender(remote=remote),
        typed["webhook_secrets"].signer(_owner(merchant_id), SECRET_NUMBER),
        url,
        wall_clock=typed["wall_clock"],
        report=Lines(typed["wall_clock"], as_json=as_json),
        remember=state.write,
        pause=stopped.wait,
    )


def _owner(merchant_id: str) -> str:
    """Whose the secret is: no endpoint's, and the same for every run."""
    return f"listen {merchant_id}"


def _topics(text: str) -> Collection[str]:
    if text == "*":
        return TYPES
    wanted = {one.strip() for one in text.split(",")}
    if unknown := sorted(wanted - TYPES):
        known = ", ".join(sorted(TYPES))
        _support.fail(f"--types: no webhook has the type {unknown[0][:80]!r}; known: {known}")
    return frozenset(wanted)


def _merchant_of_demo(home: Path) -> str:
    """The merchant of the demo in the same home; the program ends if there is none."""
    try:
        with (home / "demo.json").open("rb") as file:
            return str(json.loads(file.read(DEMO_BYTES_MAX))["merchant_id"])
    except (OSError, ValueError, KeyError, TypeError):
        _support.fail("name a merchant with --merchant mer_…: no demo has run in this home")


def _check_merchant(log: WebhookLog, merchant_id: str) -> None:
    try:
        stream_id = ids.decode("mer", merchant_id)
    except ValueError:
        _support.fail(f"{merchant_id[:80]!r} is not a merchant's id, such as mer_…")
    if not isinstance(fold(log.stream(stream_id, up_to=1)), Merchant):
        _support.fail(f"there is no merchant {merchant_id}")


def _begin(state: ListenState, head: int, after: int | None) -> int:
    """The position to begin after."""
    if after is not None:
        if after > head:
            _support.fail(f"--after: the log ends at position {head}")
        return after
    stored = state.read()
    if stored is not None and stored > head:
        click.echo("the last run was with another ledger; beginning with the next event", err=True)
        stored = None
    return head if stored is None else stored


def _introduce(
    ports: Mapping[str, object],
    merchant_id: str,
    url: str,
    after: int,
    *,
    as_json: bool,
) -> None:
    """Print the secret, with which the server verifies what it gets."""
    secrets: Any = ports["webhook_secrets"]
    owner = _owner(merchant_id)
    signer, key = secrets.signer(owner, SECRET_NUMBER), secrets.public_key(owner, SECRET_NUMBER)
    facts = {
        "object": "listener",
        "merchant_id": merchant_id,
        "forward_to": url,
        "after": after,
        "secret": standard_webhooks.secret_text(signer.secret),
        "public_key": standard_webhooks.public_key_text(key),
    }
    if as_json:
        click.echo(json.dumps(facts))
        return
    click.echo(f"events of {merchant_id} after position {after} go to {url}")
    click.echo(f"secret      {facts['secret']}")
    click.echo(f"public key  {facts['public_key']}")
