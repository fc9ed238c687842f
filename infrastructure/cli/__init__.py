"""The program: one file per command; each parses its arguments, builds what it needs, and runs."""

from __future__ import annotations

import rich_click as click

from infrastructure.cli import (
    accounts,
    attempts,
    audit,
    books,
    clock,
    dashboards,
    database,
    demo,
    events,
    listen,
    merchant_qr,
    merchant_terms,
    qr_keys,
    replay,
    servers,
    status,
    tasks,
    treasury,
    trigger,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="qrledger")
def program() -> None:
    """An event-sourced ledger for scan-to-pay.

    Settings come from QRLEDGER_* variables or qrledger.toml in the current folder.
    """


for command in (
    demo.demo,
    servers.serve,
    servers.work,
    servers.notify,
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
):
    program.add_command(command)
for merchant_command in (
    merchant_terms.plan, merchant_terms.payouts, merchant_terms.processors, merchant_qr.qr,
    dashboards.dashboard_link,
):  # fmt: skip
    accounts.merchants.add_command(merchant_command)
for key_command in (qr_keys.rotate, qr_keys.revoke, qr_keys.show):
    accounts.keys.add_command(key_command)


def main() -> None:
    """Run the program."""
    program()
