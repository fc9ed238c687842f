"""`merchants`, `apps`, `keys`: the operator lets holders in and gives out keys."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import rich_click as click
from uuid_utils.compat import uuid7

from application.bus import Bus
from application.clock_guard import ClockState
from application.command import Command, Envelope, Outcome
from application.commands.issue_key import IssueKey
from application.commands.register_merchant import RegisterMerchant
from application.commands.register_wallet_app import RegisterWalletApp
from application.commands.revoke_key import RevokeKey
from domain import ids
from domain.merchants.api_key import SECRET_BYTES, ApiKey, BearerKey, Role
from infrastructure import bootstrap
from infrastructure.cli import _support
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import DatabaseRole


class AccountAdmin:
    """What the operator's commands do, on one log."""

    def __init__(self, log: PostgresLog, bus: Bus, mode: str) -> None:
        self._event_log = log
        self._bus = bus
        self._mode = mode

    def clock_state(self) -> ClockState:
        """What the log's clock says."""
        return self._event_log.clock_state()

    def send(self, command: Command) -> Outcome:
        """Run a command in the operator's name."""
        return self._bus.send(Envelope(command=command, command_id=uuid7(), actor="operator"))

    def register_merchant(self, name: str, hosts: tuple[str, ...]) -> str:
        """Take a merchant on; answers with its id."""
        merchant_id = uuid7()
        self.send(RegisterMerchant(merchant_id=merchant_id, name=name, return_hosts=hosts))
        return ids.encode("mer", merchant_id)

    def register_app(self, name: str) -> str:
        """Let a wallet app in; answers with its id."""
        app_id = uuid7()
        self.send(RegisterWalletApp(wallet_app_id=app_id, name=name))
        return ids.encode("app", app_id)

    def issue_key(self, role: Role, holder: str = "") -> BearerKey:
        """Give out a key.

        Raises (checked in this order):
            InvalidRequest: the holder's id is not one.
            NotFound: no such holder.
            KeyLimit: the holder has two living keys.
        """
        holder_id = holder if role.holder_prefix else role.value
        living = tuple(
            key.id
            for key in self.every_key()
            if (key.role, key.holder_id) == (role, holder_id) and not key.revoked
        )
        random = secrets.token_bytes(SECRET_BYTES)
        key = BearerKey.make(mode=self._mode, role=role, key_id=uuid7(), random=random)
        self.send(IssueKey(key=key, holder_id=holder_id, known_keys=living))
        return key

    def every_key(self) -> list[ApiKey]:
        """Every key ever given out, oldest first."""
        found: dict[UUID, ApiKey] = {}
        for recorded in self._event_log.of_topics(("key.issued", "key.revoked")):
            before = found.get(recorded.stream_id)
            found[recorded.stream_id] = recorded.event.mutate(before)  # type: ignore[assignment]
        return list(found.values())


@contextmanager
def account_admin() -> Iterator[AccountAdmin]:
    """The operator's desk on the configured database."""
    settings = _support.settings()
    with _support.report_errors(), bootstrap.database(settings) as url:
        guard = bootstrap.make_guard(settings)
        log = bootstrap.make_log(url, DatabaseRole.WRITER, size_max=1, guard=guard)
        try:
            yield AccountAdmin(log, bootstrap.make_bus(log), settings.mode)
        finally:
            log.close()


@click.group()
def merchants() -> None:
    """Merchants: who is paid."""


@merchants.command("register")
@click.argument("name")
@click.option("--return-host", "hosts", multiple=True, help="Host that `return_url` may be on.")
def register_merchant(name: str, hosts: tuple[str, ...]) -> None:
    """Take a merchant on; NAME is what payers read before they pay."""
    with account_admin() as admin:
        click.echo(admin.register_merchant(name, hosts))


@click.group()
def apps() -> None:
    """Wallet apps: they open wallets and act for them."""


@apps.command("register")
@click.argument("name")
def register_app(name: str) -> None:
    """Let a wallet app in."""
    with account_admin() as admin:
        click.echo(admin.register_app(name))


@click.group()
def keys() -> None:
    """API keys: shown once, stored hashed, two living ones per holder."""


@keys.command("create")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@click.option("--holder", default="", help="mer_… or app_…; auditors and operators have none.")
def create_key(role: str, holder: str) -> None:
    """Give out a key. It is printed once and cannot be shown again."""
    with account_admin() as admin:
        click.echo(admin.issue_key(Role(role), holder).text)


@keys.command("list")
def list_keys() -> None:
    """Every key: id, role, holder, living or revoked. Never the secret."""
    with account_admin() as admin:
        for key in admin.every_key():
            state = "revoked" if key.revoked else "living"
            click.echo(f"{key.public_id}  {key.role:<8}  {key.holder_id:<30}  {state}")


@keys.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """Close a key; it opens nothing a second later."""
    try:
        stream = ids.decode("key", key_id)
    except ValueError:
        _support.fail(f"{key_id!r} is not a key's id; `qrledger keys list` shows them")
    with account_admin() as admin:
        admin.send(RevokeKey(key_id=stream))
        click.echo(f"{key_id} is revoked")
