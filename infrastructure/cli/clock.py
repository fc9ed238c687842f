"""`clock`: the operator accepts a database clock in doubt, or advances a test ledger's."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any, Final

import rich_click as click
from uuid_utils.compat import uuid7

from application.clock_guard import ClockState, offset_to_accept
from application.commands.accept_clock import AcceptClock
from domain import times
from infrastructure.cli import _support
from infrastructure.cli.accounts import account_admin

_DURATION: Final = re.compile("([0-9]{1,10})([smhd]?)", re.ASCII)
_UNIT_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


@click.group()
def clock() -> None:
    """The ledger's clock: the database's clock, within limits; a test ledger's can be advanced."""


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


@clock.command("advance")
@click.argument("duration")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def advance(*, duration: str, as_json: bool) -> None:
    """Advance the clock of a test ledger by DURATION: 90, 90s, 15m, 2h or 1d.

    What is due by then happens: sessions expire, leases end, calls are repeated, payouts are sent.
    Signatures keep real time. A clock is never set back, so neither is this undone.
    """
    found = _DURATION.fullmatch(duration)
    if found is None:
        _support.fail("DURATION is a whole number and one of s, m, h and d, such as 15m")
    seconds = int(found[1]) * _UNIT_SECONDS[found[2]]
    with account_admin() as admin:
        outcome = admin.advance_clock(seconds)
    document: dict[str, Any] = {
        "now": times.to_text(outcome.recorded_at),
        "advanced_seconds": outcome.subject.advanced_seconds,
        "position": outcome.position,
    }
    if as_json:
        click.echo(json.dumps(document))
        return
    total = timedelta(seconds=document["advanced_seconds"])
    click.echo(f"the ledger's time is {document['now']}, advanced by {total} in all")


def _describe(state: ClockState) -> str:
    clock, last, offset = state.reading.clock, state.reading.last, state.reading.offset
    since = f"the last event was recorded at {times.to_text(last)}" if last else "the log is empty"
    return f"the clock is at {times.to_text(clock)} (offset {offset}), {since}"
