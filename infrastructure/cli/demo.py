"""`demo`: everything in one process, one payment walked to paid, then it stays up."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click
from uuid_utils.compat import uuid7

from application.command import Command, Envelope, Outcome
from application.commands.open_wallet import OpenWallet
from application.commands.revoke_key import RevokeKey
from application.commands.top_up_wallet import TopUpWallet
from domain import ids
from domain.merchants.api_key import Role
from domain.money.currencies import CURRENCIES
from domain.money.money import Money
from infrastructure import bootstrap, logs
from infrastructure.cli import _support
from infrastructure.cli._walk import AMOUNT, Client, Walk, WalkFailed, walk
from infrastructure.cli.holders import AccountAdmin
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.qr_images import SegnoImages
from infrastructure.settings import Settings

ACTOR = "demo"
FUNDS = Money(1_000_000, "USD")


class DemoAdmin(AccountAdmin):
    """The operator's desk, with the demo's own holders."""

    def send(self, command: Command) -> Outcome:
        """Run a command in the demo's name, so that the next start knows its own."""
        return self._bus.send(Envelope(command=command, command_id=uuid7(), actor=ACTOR))

    def close_old_keys(self) -> None:
        """Revoke what earlier starts gave out."""
        issued = self._event_log.of_topics(("key.issued",))
        ours = {one.stream_id for one in issued if one.actor == ACTOR}
        for key in self.every_key():
            if key.id in ours and not key.revoked:
                self.send(RevokeKey(key_id=key.id))

    def open_wallet(self, app: str, funds: Money) -> str:
        """A funded wallet of the demo's app."""
        wallet_id = uuid7()
        currency = CURRENCIES[funds.currency]
        self.send(OpenWallet(wallet_id=wallet_id, wallet_app_id=app, currency=currency))
        self.send(TopUpWallet(wallet_id=wallet_id, amount=funds, reference="demo funds"))
        return ids.encode("wal", wallet_id)


@click.command()
@click.option("--once", is_flag=True, help="Leave after the walk.")
def demo(*, once: bool) -> None:
    """Start everything, walk one payment from QR to paid, and stay up until Ctrl-C."""
    started = time.perf_counter()
    settings = _support.settings()
    if settings.mode != "test":
        _support.fail("the demo is a test ledger: unset QRLEDGER_MODE")
    logs.configure(logging.WARNING)
    with _support.report_errors(), _only_one(settings.home_folder) as home:
        state = home / "demo.json"
        state.unlink(missing_ok=True)
        with bootstrap.database(settings, migrate=True) as url:
            api = bootstrap.make_api(settings, url)

            async def run(stop: asyncio.Event) -> None:
                with bootstrap.working(url, settings):
                    async with api.running(), bootstrap.notifying(settings, url):
                        story = asyncio.create_task(_story(settings, url, state, started))
                        waiting = asyncio.create_task(stop.wait())
                        await asyncio.wait({story, waiting}, return_when=asyncio.FIRST_COMPLETED)
                        if story.done():
                            await story
                            if not once:
                                await waiting
                        story.cancel()
                        waiting.cancel()

            try:
                _support.run_until_stopped(run)
            except (WalkFailed, OSError) as error:
                _support.fail(f"the walk failed: {error}", _support.EXIT_FAILED)


async def _story(settings: Settings, url: str, state: Path, started: float) -> None:
    """Let the demo's holders in, walk a payment, tell where everything is."""
    log = bootstrap.make_log(url, DatabaseRole.WRITER, size_max=1)
    facts, walker = await asyncio.to_thread(_let_in, settings, log)
    log.close()
    base = f"http://{_host(settings)}:{settings.port}"
    till, wallet = Client(base, facts["merchant_key"]), Client(base, facts["wallet_key"])
    told = await walk(till, wallet, walker, f"DEMO-{uuid7().hex[-8:].upper()}")
    page = await till.post(
        "/v1/payment-sessions", {"order_id": f"PAGE-{uuid7().hex[-8:].upper()}", "amount": AMOUNT}
    )
    minted = await wallet.post(f"/v1/wallets/{facts['wallet_id']}/tokens", {})
    _tell(told, facts, time.perf_counter() - started)
    click.echo("In a browser: a checkout screen, the wallet page that pays it, and its token\n")
    click.echo(
        f"  {page['checkout_url']}\n  {page['qr']['payload'].lower()}\n  {minted['token']}\n"
    )
    _write_whole(state, facts)


def _let_in(settings: Settings, log: PostgresLog) -> tuple[dict[str, str], str]:
    admin = DemoAdmin(log, bootstrap.make_bus(log), settings.mode)
    admin.close_old_keys()
    merchant = admin.register_merchant("Corner Cafe", ("shop.example",))
    app = admin.register_app("Demo Wallet")
    facts = {
        "base_url": settings.public_origin,
        "live_base_url": settings.live_origin,
        "merchant_key": admin.issue_key(Role.MERCHANT, merchant).text,
        "wallet_key": admin.issue_key(Role.WALLET, app).text,
        "auditor_key": admin.issue_key(Role.AUDITOR).text,
        "operator_key": admin.issue_key(Role.OPERATOR).text,
        "merchant_id": merchant,
        "wallet_id": admin.open_wallet(app, FUNDS),
    }
    return facts, admin.open_wallet(app, msgspec.convert(AMOUNT, Money))


def _tell(told: Walk, facts: dict[str, str], seconds: float) -> None:
    session = told.session
    click.echo(SegnoImages().terminal(session["qr"]["payload"], border=4).decode())
    click.echo(f"  {session['qr']['payload']}")
    click.echo(f"  {session['merchant']['name']}, {session['amount']['display']}\n")
    for name, milliseconds in told.steps:
        click.echo(f"  {name:<34}{milliseconds:8.1f} ms")
    click.echo(f"\n  {session['id']} is {session['status']}, ledger position {session['position']}")
    click.echo(f"\nReady in {seconds:.1f} s. Ctrl-C stops everything.\n")
    for name, value in facts.items():
        click.echo(f"  {name:<14} {value}")
    base, key = facts["base_url"], facts["merchant_key"]
    body = json.dumps({"order_id": "A-1", "amount": {"minor": 450, "currency": "USD"}})
    click.echo(f"""
Try:

  curl -s {base}/v1/payment-sessions -H 'Authorization: Bearer {key}' \\
       -H 'Content-Type: application/json' -d '{body}'
  curl -s '{base}/v1/payment-sessions?limit=3' -H 'Authorization: Bearer {key}'
  curl -s '{base}/v1/events?limit=5' -H 'Authorization: Bearer {facts["auditor_key"]}'
""")


@contextmanager
def _only_one(home: Path) -> Iterator[Path]:
    """The home folder, locked by the kernel for as long as this process lives: no lock file."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _support.fail(f"cannot write to {home} ({error.strerror}): set QRLEDGER_HOME")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _support.fail(f"another demo runs in {home}: stop it, or set QRLEDGER_HOME")
    try:
        yield home
    finally:
        os.close(lock)


def _write_whole(path: Path, facts: dict[str, Any]) -> None:
    """Write beside and rename, so that a reader sees all of it or nothing."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def _host(settings: Settings) -> str:
    """Where this very machine reaches the API, whatever the outside calls it."""
    any_address = settings.host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    host = "127.0.0.1" if any_address else settings.host
    return f"[{host}]" if ":" in host else host
