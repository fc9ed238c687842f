"""`clock accept`: the operator accepts a database clock that is in doubt."""

from __future__ import annotations

import rich_click as click
from uuid_utils.compat import uuid7

from application.clock_guard import ClockState, offset_to_accept
from application.commands.accept_clock import AcceptClock
from domain import times
from infrastructure.cli import _support
from infrastructure.cli.accounts import account_admin


@click.group()
def clock() -> None:
    """The ledger's clock: the database's clock, within limits."""


@clock.command("accept")
def accept() -> None:
    """Accept the database's clock so that the ledger records events again.

    Check the server's clock first: correcting it is better and makes this command unnecessary.

    If the clock is far ahead of the last event, the ledger adopts it, and sessions that are past
    their time by that clock expire. If it is behind the last event, the ledger's time continues
    from that event, ahead of the server's clock by a fixed offset.
    """
    with account_admin() as admin:
        state = admin.clock_state()
        offset = offset_to_accept(state, _support.settings().clock_ahead_seconds)
        if offset is None:
            _support.fail(f"there is nothing to accept: {_describe(state)}", _support.EXIT_FAILED)
        outcome = admin.send(AcceptClock(acceptance_id=uuid7(), offset=offset))
        click.echo(
            f"accepted: the ledger's time is {times.to_text(outcome.recorded_at)}, "
            f"{offset} ahead of the server's clock"
        )


def _describe(state: ClockState) -> str:
    clock, last, _, offset = state.reading
    since = f"the last event was recorded at {times.to_text(last)}" if last else "the log is empty"
    return f"the clock is at {times.to_text(clock)} (offset {offset}), {since}"
