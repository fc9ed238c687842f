"""The program: one file per command; each parses its arguments, builds what it needs, and runs."""

from __future__ import annotations

import sys

import rich_click as click

from infrastructure.cli import (
    _support,
    accounts,
    attempts,
    audit,
    audit_bundles,
    audit_lake,
    audit_report,
    audit_sample,
    audit_watch,
    books,
    clock,
    dashboards,
    database,
    demo,
    erase,
    events,
    listen,
    merchant_branding,
    merchant_qr,
    merchant_terms,
    qr_keys,
    replay,
    seal,
    servers,
    status,
    tasks,
    treasury,
    trigger,
    witness,
)

START = """\
qrledger is an event-sourced ledger for scan-to-pay.

  qrledger demo      start everything, make one payment, and open it in a browser
  qrledger status    show whether the ledger of this folder's settings is ready
  qrledger --help    list every command

The demo needs nothing but this program. It prints the address of its home page, and API keys.
An installation of your own: qrledger migrate, then serve, work and notify, each as a process.
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(package_name="qrledger")
@click.pass_context
def program(context: click.Context) -> None:
    """An event-sourced ledger for scan-to-pay.

    Settings come from QRLEDGER_* variables or qrledger.toml in the current folder.
    """
    if context.invoked_subcommand is None:
        click.echo(START, nl=False)


for command in (
    demo.demo,
    servers.serve,
    servers.work,
    servers.notify,
    seal.seal,
    database.migrate,
    database.rebuild,
    accounts.merchants,
    accounts.apps,
    accounts.keys,
    treasury.treasury,
    audit.audit,
    books.books,
    replay.replay,
    clock.clock,
    status.show_status,
    tasks.tasks,
    attempts.attempts,
    trigger.trigger,
    listen.listen,
    events.events,
    witness.witness,
    erase.erase,
):
    program.add_command(command)
for audit_command in (
    audit_bundles.export, audit_bundles.verify, audit_bundles.receipt, audit_sample.sample,
    audit_watch.watch, audit_lake.write_parquet, audit_report.report,
):  # fmt: skip
    audit.audit.add_command(audit_command)
for merchant_command in (
    merchant_terms.plan, merchant_terms.payouts, merchant_terms.processors, merchant_qr.qr,
    merchant_branding.branding, dashboards.dashboard_link,
):  # fmt: skip
    accounts.merchants.add_command(merchant_command)
for key_command in (qr_keys.rotate, qr_keys.revoke, qr_keys.show):
    accounts.keys.add_command(key_command)


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
