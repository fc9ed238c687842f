"""`keys rotate-qr`, `revoke-qr`, `list-qr`: the keys that sign static codes and offers.

They need the key file only, not the database.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import rich_click as click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.ports.code_keys import PublicKey
from domain import times
from infrastructure.cli import _support
from infrastructure.qr_keys import key_file, key_set


@click.command("rotate-qr")
def rotate() -> None:
    """Sign with a new key from now on. Codes that are printed stay valid.

    The private half of the old key is deleted. Makes the key file if there is none.
    """
    path, private, now = _support.settings().qr_keys_file, Ed25519PrivateKey.generate(), _now()
    with _support.report_errors():
        if made := key_file.create_if_absent(path, private, now):
            click.echo(f"made the signing key {made.current.id} in {path}")
            return
        changed = key_file.change(path, lambda keys: keys.rotated(private, now))
    old, new = changed.keys[-2:]
    click.echo(f"{new.id} signs from now on; what {old.id} has signed stays valid")


@click.command("revoke-qr")
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke a signing key at once: no code or offer that it has signed is valid any more.

    If it is the key that signs, a new key replaces it in the same step. Asks nothing and cannot be
    undone: codes printed with the key must be printed again.
    """
    path, private, now = _support.settings().qr_keys_file, Ed25519PrivateKey.generate(), _now()
    with _support.report_errors():
        changed = key_file.change(path, lambda keys: keys.revoked(key_id, private, now))
    click.echo(f"{key_id} is revoked; {changed.current.id} signs")


@click.command("list-qr")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(*, as_json: bool) -> None:
    """List the signing keys, oldest first: id, when created, retired and revoked."""
    with _support.report_errors():
        keys = key_file.read(_support.settings().qr_keys_file).keys
    if as_json:
        click.echo(json.dumps({"data": [_document(key) for key in keys]}))
        return
    for key in keys:
        moments = {
            "created": key.created_at,
            "retired": key.retired_at,
            "revoked": key.revoked_at,
        }
        facts = [f"{name} {times.to_text(at)}" for name, at in moments.items() if at]
        click.echo("  ".join([key.id, *facts]))


def _document(key: PublicKey) -> dict[str, str | None]:
    return {
        "id": key.id,
        "public": key_set.to_base64(key.raw),
        "created_at": _text(key.created_at),
        "retired_at": _text(key.retired_at),
        "revoked_at": _text(key.revoked_at),
    }


def _text(at: datetime | None) -> str | None:
    return None if at is None else times.to_text(at)


def _now() -> datetime:
    return datetime.now(UTC)
