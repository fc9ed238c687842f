"""`clock accept`: the operator lets a ledger go on whose clock is in doubt."""

from __future__ import annotations

import rich_click as click
from uuid_utils.compat import uuid7

from application.clock_guard import ClockState, offset_to_accept
from application.commands.accept_clock import AcceptClock
from domain import times
from infrastructure.cli import _support
from infrastructure.cli.holders import account_admin


@click.group()
def clock() -> None:
    """The ledger's clock: the database's, as long as it can be believed."""


@clock.command("accept")
def accept() -> None:
    """Accept the database's clock, so that the ledger records again.

    Look at the server's clock first: setting it right is the better way, and needs no acceptance.

    If the clock is far ahead of the last event, the ledger takes it as it is; open payments whose
    time is over by it expire. If it is behind the last event, the ledger's time goes on from that
    event at its true pace, ahead of the server's clock by a fixed offset.
    """
    with account_admin() as admin:
        state = admin.clock_state()
        offset = offset_to_accept(state, _support.settings().clock_ahead_seconds)
        if offset is None:
            _support.fail(f"there is nothing to accept: {_told(state)}", _support.EXIT_FAILED)
        outcome = admin.send(AcceptClock(acceptance_id=uuid7(), offset=offset))
        click.echo(
            f"accepted: the ledger's time is {times.to_text(outcome.recorded_at)}, "
            f"{offset} ahead of the server's clock"
        )


def _told(state: ClockState) -> str:
    """What the clock says, for a person."""
    clock, last, _, offset = state.reading
    since = f"the last event is of {times.to_text(last)}" if last else "the log is empty"
    return f"the clock says {times.to_text(clock)} (offset {offset}), {since}"
