"""The program: one file per command; each parses its arguments, builds what it needs, and runs."""

from __future__ import annotations

import sys
from typing import Final

import rich_click as click

from infrastructure.cli import _support
from infrastructure.cli._lazy import LazyGroup

COMMANDS: Final = {
    "apps": "accounts:apps",
    "attempts": "attempts:attempts",
    "audit": "audit:audit",
    "books": "books:books",
    "clock": "clock:clock",
    "demo": "demo:demo",
    "erase": "erase:erase",
    "events": "events:events",
    "keys": "accounts:keys",
    "listen": "listen:listen",
    "merchants": "accounts:merchants",
    "migrate": "database:migrate",
    "notify": "servers:notify",
    "rebuild": "database:rebuild",
    "replay": "replay:replay",
    "seal": "seal:seal",
    "serve": "servers:serve",
    "status": "status:show_status",
    "tasks": "tasks:tasks",
    "treasury": "treasury:treasury",
    "trigger": "trigger:trigger",
    "witness": "witness:witness",
    "work": "servers:work",
}
START = """\
qrledger is an event-sourced ledger for scan-to-pay.

  qrledger demo      start everything, make one payment, and open it in a browser
  qrledger status    show whether the ledger of this folder's settings is ready
  qrledger --help    list every command

The demo needs nothing but this program. It prints the address of its home page, and API keys.
An installation of your own: qrledger migrate, then serve, work and notify, each as a process.
"""


@click.group(
    cls=LazyGroup,
    elsewhere=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.version_option(package_name="qrledger")
@click.pass_context
def program(context: click.Context) -> None:
    """An event-sourced ledger for scan-to-pay.

    Settings come from QRLEDGER_* variables or qrledger.toml in the current folder.
    """
    if context.invoked_subcommand is None:
        click.echo(START, nl=False)


def main() -> None:
    """Run the program; wrong usage is one line and status 2, like every other bad input."""
    try:
        status = program(standalone_mode=False)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"; see `{context.command_path} --help`" if context else ""
        message = " ".join(error.format_message().split())
        _support.fail(f"{message.removesuffix('.')}{hint}")
    except click.Abort:
        sys.exit(_support.EXIT_INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)
