"""`demo`: every process of an installation in one group, with one payment made at the start."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import secrets
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
from application.demo_accounts import DemoAccounts, PhoneCodes
from application.ports.pictures import CodePicture
from domain import ids, times
from domain.merchants.api_key import Role
from domain.money.money import Money
from infrastructure import logs, private_files
from infrastructure.accounts import DemoAdmin
from infrastructure.bootstrap.api_process import ApiProcess, make_api
from infrastructure.bootstrap.dashboards import dashboard_link
from infrastructure.cli import _demo_network, _support
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
from infrastructure.opening import make_log
from infrastructure.pictures import codes
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.sealing.database import Prepared, prepare_demo
from infrastructure.settings import PREFIX, Settings
from infrastructure.witnessing import demo as demo_witness

ONE_USER: Final = """\
The log is sealed and witnessed here by the user who runs everything, so its checkpoints prove
nothing to others. An installation seals it with a user, a login and a disk of its own, and has
somebody else witness it: docs/howto/seal-the-log.md.
"""
FUNDS = Money(1_000_000, "USD")
PAYMENT_ERRORS = (PaymentFailed, OSError, WebSocketException)
REASON_SECONDS: Final = 1
"""How long a failed payment waits for its likely reason, the end of a process of the demo."""


@click.command()
@click.option("--once", is_flag=True, help="Exit after the payment.")
@click.option("--lan", is_flag=True, help="Open the demo to the network, so that a phone can join.")
def demo(*, once: bool, lan: bool) -> None:
    """Start everything, make one payment from QR code to paid, and run until Ctrl-C.

    With --lan the pages are served under this machine's address, by http: for a network that you
    trust. Anybody in it can then use this test ledger.
    """
    started = time.perf_counter()
    settings = _settings(lan=lan)
    logs.configure(logging.WARNING)
    with _support.report_errors(), _exclusive(settings.home_folder) as home:
        state = home / "demo.json"
        state.unlink(missing_ok=True)
        with (
            # They import while it starts.
            closing(ProcessGroup("work", "notify", optional=("seal", "witness"))) as members,
            open_database(settings, migrate=True) as url,
            closing(members),  # before the database is stopped
        ):
            sealing = prepare_demo(settings, url)
            api = make_api(settings, url)
            if lan:
                click.echo(_demo_network.warning(settings))
                api.services.demo.phones = PhoneCodes(secrets.token_bytes, time.monotonic)

            async def run(stop: asyncio.Event) -> None:
                async with api.running():
                    members.begin(url, seal=sealing.url, witness=sealing.witness_port)

                    async def pay() -> None:
                        await _run_payment(api, url, members, state, started, sealing)
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


def _settings(*, lan: bool) -> Settings:
    """The settings of the demo, in the environment of its processes too."""
    if lan:
        _demo_network.join()
    os.environ.setdefault(f"{PREFIX}WEBHOOK_LOOPBACK", "true")
    settings = _support.settings()
    if not settings.witness_policy:
        os.environ[f"{PREFIX}WITNESS_POLICY"] = str(demo_witness.policy_path(settings))
        settings = _support.settings()
    if settings.mode != "test":
        _support.fail("the demo is a test ledger: unset QRLEDGER_MODE")
    _support.check_reach(settings, lan=lan)
    return settings


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
    api: ApiProcess,
    url: str,
    members: ProcessGroup,
    state: Path,
    started: float,
    sealing: Prepared,
) -> None:
    """Register the demo's accounts, make a payment, and print how to use the ledger."""
    settings = api.settings
    log = make_log(url, DatabaseRole.WRITER, size_max=1)
    facts, payer, accounts = await asyncio.to_thread(_register, settings, log)
    if sealing.vkey:
        facts["log_vkey"] = sealing.vkey
    if sealing.witness_vkey:
        facts["witness_vkey"] = sealing.witness_vkey
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
    api.services.demo.accounts = accounts  # from now on the home page makes payments
    base_url = settings.public_origin
    _print_payment(payment, time.perf_counter() - started)
    _print_open(
        page,
        {
            f"{base_url}/": "the home page: make a payment, both sides of it",
            page["checkout_url"]: "a till whose screen waits for a payment",
            f"{page['qr']['payload'].lower()}#token={token['token']}": (
                "the wallet that pays it, signed in for 15 minutes"
            ),
            _history_link(settings, url, payment): (
                "the history of the first payment, once and within ten minutes"
            ),
        },
    )
    _print_facts(facts)
    click.echo(f"The log is not sealed: {sealing.reason}\n" if sealing.reason else ONE_USER)
    private_files.replace(state, f"{json.dumps(facts, indent=2)}\n".encode())


def _history_link(settings: Settings, url: str, payment: DemoPayment) -> str:
    """A link that opens the history of the payment, as its merchant."""
    session = payment.session
    link, _ = dashboard_link(
        settings,
        url,
        ids.decode("mer", session["merchant"]["id"]),
        times.from_text(session["server_time"]),
        session["id"],
    )
    return link


def _register(settings: Settings, log: PostgresLog) -> tuple[dict[str, str], str, DemoAccounts]:
    """Register the demo's accounts: what to print, the wallet that pays, those of the home page."""
    admin = DemoAdmin(log, Bus(log), settings.mode)
    admin.revoke_old_keys()
    merchant = admin.register_merchant("Corner Cafe", ("shop.example",))
    app = admin.register_app("Demo Wallet")
    wallet_key = admin.issue_key(Role.WALLET, app)
    facts = {
        "base_url": settings.public_origin,
        "live_base_url": settings.live_origin,
        "merchant_key": admin.issue_key(Role.MERCHANT, merchant).text,
        "wallet_key": wallet_key.text,
        "auditor_key": admin.issue_key(Role.AUDITOR).text,
        "operator_key": admin.issue_key(Role.OPERATOR).text,
        "merchant_id": merchant,
        "wallet_id": admin.open_wallet(app, FUNDS),
    }
    accounts = DemoAccounts(
        merchant_id=ids.decode("mer", merchant),
        wallet_id=ids.decode("wal", facts["wallet_id"]),
        wallet_key_id=wallet_key.key_id,
    )
    return facts, admin.open_wallet(app, msgspec.convert(AMOUNT, Money)), accounts


def _print_payment(payment: DemoPayment, seconds: float) -> None:
    """The payment that the demo has made, step by step."""
    session = payment.session
    for name, milliseconds in payment.steps:
        click.echo(f"  {name:<34}{milliseconds:8.1f} ms")
    click.echo(f"\n  {session['id']} is {session['status']}, ledger position {session['position']}")
    click.echo(f"  {session['merchant']['name']}'s balance: {payment.balance}")
    click.echo(f"\nReady in {seconds:.1f} s. Ctrl-C stops everything.\n")


def _print_open(session: dict[str, Any], addresses: dict[str, str]) -> None:
    """A code that can still be paid, and what a browser opens."""
    code = CodePicture(kind="txt", text=session["qr"]["payload"], scale=1, border=4)
    click.echo(codes.draw(code).decode())
    click.echo(f"  {session['qr']['payload']}")
    merchant, amount = session["merchant"]["name"], session["amount"]["display"]
    click.echo(f"  {merchant}, {amount}, not paid yet\n\nOpen in a browser:\n")
    for address, what in addresses.items():
        click.echo(f"  {what}\n    {address}")


def _print_facts(facts: dict[str, str]) -> None:
    """Addresses and keys for programs, and commands to try them with."""
    click.echo("\nFor programs, also in demo.json:\n")
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


def _host(settings: Settings) -> str:
    """The host at which this machine reaches the API, whatever its public name."""
    any_address = settings.host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    host = "127.0.0.1" if any_address else settings.host
    return f"[{host}]" if ":" in host else host
