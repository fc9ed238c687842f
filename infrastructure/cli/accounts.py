"""`merchants`, `apps`, `keys`: the operator registers account holders and issues API keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import rich_click as click

from application.bus import Bus
from application.commands.revoke_key import RevokeKey
from domain import ids
from domain.merchants.api_key import Role
from infrastructure.accounts import AccountAdmin
from infrastructure.cli import _support
from infrastructure.cli._lazy import LazyGroup
from infrastructure.database import open_database
from infrastructure.opening import make_guard, make_log
from infrastructure.postgres.connections import DatabaseRole


@contextmanager
def account_admin() -> Iterator[AccountAdmin]:
    """The operator's commands on the configured database."""
    settings = _support.settings()
    with _support.report_errors(), open_database(settings) as url:
        guard = make_guard(settings)
        log = make_log(url, DatabaseRole.WRITER, size_max=1, guard=guard)
        try:
            yield AccountAdmin(log, Bus(log), settings.mode)
        finally:
            log.close()


@click.group(
    cls=LazyGroup,
    elsewhere={
        "branding": "merchant_branding:branding",
        "dashboard-link": "dashboards:print_dashboard_link",
        "payouts": "merchant_terms:payouts",
        "plan": "merchant_terms:plan",
        "processors": "merchant_terms:processors",
        "qr": "merchant_qr:qr",
    },
)
def merchants() -> None:
    """Merchants: they receive payments."""


@merchants.command("register")
@click.argument("name")
@click.option(
    "--return-host", "hosts", multiple=True, help="A host that `return_url` may point to."
)
def register_merchant(name: str, hosts: tuple[str, ...]) -> None:
    """Register a merchant; payers see NAME before they pay."""
    with account_admin() as admin:
        click.echo(admin.register_merchant(name, hosts))


@click.group()
def apps() -> None:
    """Wallet apps: they open wallets and pay from them."""


@apps.command("register")
@click.argument("name")
def register_app(name: str) -> None:
    """Register a wallet app."""
    with account_admin() as admin:
        click.echo(admin.register_app(name))


@click.group(
    cls=LazyGroup,
    elsewhere={
        "list-qr": "qr_keys:show",
        "revoke-qr": "qr_keys:revoke",
        "rotate-qr": "qr_keys:rotate",
    },
)
def keys() -> None:
    """API keys: shown once, stored as hashes, at most two active ones per holder.

    Those that end in -qr are about the keys that sign static codes and offers (QRLEDGER_QR_KEYS).
    """


@keys.command("create")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@click.option("--holder", default="", help="mer_… or app_…; not for auditors and operators.")
def create_key(role: str, holder: str) -> None:
    """Issue a key. It is printed once and cannot be shown again."""
    _check_holder(Role(role), holder)
    with account_admin() as admin:
        click.echo(admin.issue_key(Role(role), holder).text)


def _check_holder(role: Role, holder: str) -> None:
    """Anything but the id of a holder that the role has ends the program."""
    prefix = role.holder_prefix
    if not prefix:
        if holder:
            _support.fail(f"a key of the role {role.value} has no holder: leave out --holder")
        return
    kind = "merchants" if role is Role.MERCHANT else "apps"
    try:
        ids.decode(prefix, holder)
    except ValueError:
        _support.fail(
            f"--holder must be the id of one of the {kind}, such as {prefix}_…; "
            f"`qrledger {kind} register NAME` prints it"
        )


@keys.command("list")
def list_keys() -> None:
    """List every key: id, role, holder, active or revoked. Secrets are never shown."""
    with account_admin() as admin:
        for key in admin.all_keys():
            state = "revoked" if key.revoked else "active"
            click.echo(f"{key.public_id}  {key.role:<8}  {key.holder_id:<30}  {state}")


@keys.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """Revoke a key; within a second it is no longer accepted."""
    try:
        stream = ids.decode("key", key_id)
    except ValueError:
        _support.fail(f"{key_id!r} is not a key id; `qrledger keys list` shows them")
    with account_admin() as admin:
        admin.send(RevokeKey(key_id=stream))
        click.echo(f"{key_id} is revoked")
