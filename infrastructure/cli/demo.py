"""`demo`: every process of an installation in one group, with one payment made at the start."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import rich_click as click
from uuid_utils.compat import uuid7
from websockets.exceptions import WebSocketException

from application.bus import Bus
from application.ports.pictures import CodePicture
from domain.merchants.api_key import Role
from domain.money.money import Money
from infrastructure import bootstrap, logs
from infrastructure.accounts import DemoAdmin
from infrastructure.cli import _support
from infrastructure.cli._demo_payment import (
    AMOUNT,
    Client,
    DemoPayment,
    PaymentFailed,
    make_payment,
)
from infrastructure.cli._process_group import MemberFailed, ProcessGroup
from infrastructure.database import open_database
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.pictures import codes
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.settings import PREFIX, Settings

FUNDS = Money(1_000_000, "USD")
PAYMENT_ERRORS = (PaymentFailed, OSError, WebSocketException)
REASON_SECONDS: Final = 1
"""How long a failed payment waits for its likely reason, the end of a process of the demo."""


@click.command()
@click.option("--once", is_flag=True, help="Exit after the payment.")
def demo(*, once: bool) -> None:
    """Start everything, make one payment from QR code to paid, and run until Ctrl-C."""
    started = time.perf_counter()
    os.environ.setdefault(f"{PREFIX}WEBHOOK_LOOPBACK", "true")  # for its processes, too
    settings = _support.settings()
    if settings.mode != "test":
        _support.fail("the demo is a test ledger: unset QRLEDGER_MODE")
    logs.configure(logging.WARNING)
    with _support.report_errors(), _exclusive(settings.home_folder) as home:
        state = home / "demo.json"
        state.unlink(missing_ok=True)
        with (
            closing(ProcessGroup("work", "notify")) as members,  # they import while it starts
            open_database(settings, migrate=True) as url,
            closing(members),  # before the database is stopped
        ):
            api = bootstrap.make_api(settings, url)

            async def run(stop: asyncio.Event) -> None:
                async with api.running():
                    members.begin(url)

                    async def pay() -> None:
                        await _run_payment(settings, url, members, state, started)
                        if not once:
                            await stop.wait()

                    await _first_of(members.watch(), pay(), stop.wait())

            try:
                _support.run_until_stopped(run)
            except MemberFailed as error:
                if error.reported:
                    sys.exit(_support.EXIT_BAD_INPUT)
                _support.fail(str(error), _support.EXIT_FAILED)
            except PAYMENT_ERRORS as error:
                _support.fail(f"the payment failed: {error}", _support.EXIT_FAILED)


async def _first_of(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Wait until one returns or raises, then cancel the others; the first error is passed on."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    errors = [task.exception() for task in tasks if task in done]
    for error in filter(None, errors):
        raise error


async def _run_payment(
    settings: Settings, url: str, members: ProcessGroup, state: Path, started: float
) -> None:
    """Register the demo's accounts, make a payment, and print how to use the ledger."""
    log = bootstrap.make_log(url, DatabaseRole.WRITER, size_max=1)
    facts, payer = await asyncio.to_thread(_register, settings, log)
    log.close()
    base = f"http://{_host(settings)}:{settings.port}"
    till, wallet = Client(base, facts["merchant_key"]), Client(base, facts["wallet_key"])
    await members.ready()
    try:
        payment = await make_payment(till, wallet, payer, f"DEMO-{uuid7().hex[-8:].upper()}")
    except PAYMENT_ERRORS:
        await asyncio.sleep(REASON_SECONDS)
        raise
    page = await till.post(
        "/v1/payment-sessions", {"order_id": f"PAGE-{uuid7().hex[-8:].upper()}", "amount": AMOUNT}
    )
    token = await wallet.post(f"/v1/wallets/{facts['wallet_id']}/tokens", {})
    _print_summary(payment, facts, time.perf_counter() - started)
    click.echo(
        "In a browser: a checkout screen, the wallet page that pays it, and the page token\n"
    )
    click.echo(f"  {page['checkout_url']}\n  {page['qr']['payload'].lower()}\n  {token['token']}\n")
    _write_atomically(state, facts)


def _register(settings: Settings, log: PostgresLog) -> tuple[dict[str, str], str]:
    """Register the demo's accounts; returns what to print, and the wallet that pays."""
    admin = DemoAdmin(log, Bus(log), settings.mode)
    admin.revoke_old_keys()
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


def _print_summary(payment: DemoPayment, facts: dict[str, str], seconds: float) -> None:
    session = payment.session
    code = CodePicture(kind="txt", text=session["qr"]["payload"], scale=1, border=4)
    click.echo(codes.draw(code).decode())
    click.echo(f"  {session['qr']['payload']}")
    click.echo(f"  {session['merchant']['name']}, {session['amount']['display']}\n")
    for name, milliseconds in payment.steps:
        click.echo(f"  {name:<34}{milliseconds:8.1f} ms")
    click.echo(f"\n  {session['id']} is {session['status']}, ledger position {session['position']}")
    click.echo(f"  {session['merchant']['name']}'s balance: {payment.balance}")
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
  curl -s '{base}/v1/balance' -H 'Authorization: Bearer {key}'
  curl -s '{base}/v1/events?limit=5' -H 'Authorization: Bearer {facts["auditor_key"]}'
""")


@contextmanager
def _exclusive(home: Path) -> Iterator[Path]:
    """Lock the home folder; the kernel releases the lock when this process ends."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _support.fail(f"cannot write to {home} ({error.strerror}): set QRLEDGER_HOME")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _support.fail(f"another demo is running in {home}: stop it, or set QRLEDGER_HOME")
    try:
        yield home
    finally:
        os.close(lock)


def _write_atomically(path: Path, facts: dict[str, Any]) -> None:
    """Write a new file and rename it, so that a reader never sees half a file."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def _host(settings: Settings) -> str:
    """The host at which this machine reaches the API, whatever its public name."""
    any_address = settings.host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    host = "127.0.0.1" if any_address else settings.host
    return f"[{host}]" if ":" in host else host
