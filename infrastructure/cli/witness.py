"""`witness`: cosigns the heads of logs, so that nobody can be shown another history."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import rich_click as click

from domain.audit.errors import MalformedKey
from domain.audit.vkey import KEY_BYTES
from infrastructure import logs, witness_bootstrap
from infrastructure.cli import _process_group, _support
from infrastructure.witnessing.home import WitnessHome, WitnessHomeError


@click.group(invoke_without_command=True)
@click.option("--demo", is_flag=True, hidden=True, help="Run as a process of the demo.")
@click.pass_context
def witness(context: click.Context, *, demo: bool) -> None:
    """Cosign the heads of the logs that this witness knows (C2SP tlog-witness).

    Runs until it is stopped. Needs no database: key, logs and memory are in QRLEDGER_WITNESS_HOME,
    and it listens on QRLEDGER_HOST and QRLEDGER_WITNESS_PORT. See docs/howto/run-a-witness.md.
    """
    if context.invoked_subcommand is not None:
        return
    settings = _support.settings()
    logs.configure(logging.WARNING if demo else logging.INFO)
    if demo:
        port = int(_process_group.join())
        settings = msgspec.structs.replace(settings, host="127.0.0.1", witness_port=port)

    async def run(stop: asyncio.Event) -> None:
        async with witness_bootstrap.witnessing(settings):
            click.echo(f"witnessing on {settings.host}:{settings.witness_port}")
            await stop.wait()

    with _reported():
        _support.run_until_stopped(run)


@witness.command()
@click.argument("name")
def init(name: str) -> None:
    """Make a new witness called NAME, such as witness.example/w1; prints its verifier key."""
    with _reported():
        home = WitnessHome(_support.settings().witness_folder)
        click.echo(str(home.make(name, secrets.token_bytes(KEY_BYTES))))


@witness.command()
def key() -> None:
    """Print the verifier key, for the policies of those who trust this witness."""
    with _reported():
        home = WitnessHome(_support.settings().witness_folder)
        click.echo(str(home.key().verifier))


@contextmanager
def _reported() -> Iterator[None]:
    with _support.report_errors():
        try:
            yield
        except (WitnessHomeError, MalformedKey) as error:
            _support.fail(str(error))
