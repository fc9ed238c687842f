"""Commands that are decided by credits: refunds, payouts, movements of the treasury."""

from __future__ import annotations

from typing import Protocol

from api import blocking
from api.http.operation import Call
from api.v1.lists import caught_up
from application.command import Command, Outcome
from application.errors import CreditsNotCounted
from domain.accounting import chart
from domain.payouts.debits import Credits
from projections.balances import Balances


class MakeCommand(Protocol):
    """Makes the command from what the merchant has earned, and whether that is current."""

    def __call__(self, earned: Credits, *, current: bool) -> Command:
        """The command."""
        ...


async def send_debit(call: Call, currency: str, make_command: MakeCommand) -> Outcome:
    """Send a command that debits the calling merchant.

    Raises: see `send_against_credits`.
    """
    account = chart.PAYABLE.of(call.identity.holder)
    return await send_against_credits(call, account, currency, make_command)


async def send_against_credits(
    call: Call, account: str, currency: str, make_command: MakeCommand
) -> Outcome:
    """Send a command that is decided by the credits of an account.

    Credits only grow, so those that have been counted usually suffice. If they do not, the command
    waits until the read model has counted everything that was in the log, and decides again.

    Raises (checked in this order):
        LedgerError: the command was refused.
        NotCaughtUp: the credits were not counted within 5 s; nothing was decided.
    """
    balances = call.services.read_models[Balances]
    earned = await blocking.read(balances.credits, account, currency)
    try:
        return await call.send(make_command(earned, current=False))
    except CreditsNotCounted:
        head = await blocking.read(call.services.log.head)
    await caught_up(call, Balances, head)
    earned = await blocking.read(balances.credits, account, currency)
    return await call.send(make_command(earned, current=True))
