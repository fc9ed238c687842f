"""What the sandbox processor does, by the amount's last two digits; the docs' table is this one.

The digits are those of the charge, or for a refund those of the refund. A session's metadata may
name a behaviour instead: `{"sandbox": "declines"}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from application.ports.processor import State

METADATA_KEY: Final = "sandbox"
EVERY_CALL: Final = frozenset({"begin", "capture", "void", "refund", "status"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What becomes of a charge or a refund, as a function of the time since it was begun."""

    digits: int | None
    """Of the amount; None: of every other amount."""
    name: str
    does: str
    """For the docs."""
    outcome: State | None = State.CAPTURED
    """None: the payer decides on the sandbox's page."""
    seconds: int = 0
    """From begin to the outcome."""
    reason: str = ""
    silent: frozenset[str] = frozenset()
    """Methods that act and do not answer."""
    unavailable: bool = False
    """Nothing is ever accepted."""
    unsupported: bool = False
    minor_more: int = 0
    """Takes so much more than was asked for; negative: less."""
    other_currency: bool = False
    captures_when_voided: bool = False
    """Says that it has voided, and takes the money all the same."""
    notices: tuple[tuple[int, State], ...] = ()
    """Callbacks: seconds after begin, and what they say; equal ones are one notice, sent again."""


BEHAVIOURS: Final = (
    Behaviour(digits=None, name="approves", does="takes the money at once; of a refund, makes it"),
    Behaviour(
        digits=61, name="declines", does="declines at once (`insufficient_funds`)",
        outcome=State.DECLINED, reason="insufficient_funds",
    ),
    Behaviour(
        digits=62, name="redirects", does="sends the payer to a page that asks: approve or decline",
        outcome=None,
    ),
    Behaviour(
        digits=63, name="slow", does="accepts, takes the money after 5 s and calls back",
        seconds=5, notices=((5, State.CAPTURED),),
    ),
    Behaviour(
        digits=64, name="declines_later", does="accepts, declines after 5 s and calls back",
        outcome=State.DECLINED, reason="do_not_honor", seconds=5, notices=((5, State.DECLINED),),
    ),
    Behaviour(
        digits=65, name="silent", does="takes the money without an answer; a status check finds it",
        silent=frozenset({"begin", "refund"}),
    ),
    Behaviour(
        digits=66, name="silent_for_ever", does="takes the money and never answers anything",
        silent=EVERY_CALL,
    ),
    Behaviour(
        digits=67, name="late",
        does="accepts, does not answer, takes the money after 60 s and calls back",
        seconds=60, silent=frozenset({"begin"}), notices=((60, State.CAPTURED),),
    ),
    Behaviour(
        digits=68, name="twice", does="takes the money at once, and calls back twice",
        notices=((1, State.CAPTURED), (2, State.CAPTURED)),
    ),
    Behaviour(
        digits=69, name="out_of_order",
        does="takes the money after 2 s; the callback that says so comes before the one that says "
        "`processing`",
        seconds=2, notices=((2, State.CAPTURED), (4, State.PROCESSING)),
    ),
    Behaviour(
        digits=70, name="takes_more", does="takes 100 minor units more than it was asked for",
        minor_more=100,
    ),
    Behaviour(digits=71, name="takes_less", does="takes 1 minor unit less", minor_more=-1),
    Behaviour(
        digits=72, name="other_currency", does="takes the same number of another currency",
        other_currency=True,
    ),
    Behaviour(
        digits=73, name="unavailable", does="accepts nothing; no money moves", outcome=None,
        unavailable=True,
    ),
    Behaviour(
        digits=74, name="captures_when_voided",
        does="sends the payer to its page; when it is told to void, says so, and takes the money "
        "all the same 2 s later",
        outcome=None, captures_when_voided=True,
    ),
    Behaviour(
        digits=75, name="unsupported", does="cannot express the amount (`amount-unsupported`)",
        unsupported=True,
    ),
    Behaviour(
        digits=76, name="disputes", does="takes the money; 10 s later the payer disputes it",
        notices=((10, State.DISPUTE_OPENED),),
    ),
    Behaviour(
        digits=77, name="dispute_won", does="as 76; the merchant wins the dispute after 20 s",
        notices=((10, State.DISPUTE_OPENED), (20, State.DISPUTE_WON)),
    ),
    Behaviour(
        digits=78, name="dispute_lost", does="as 76; the merchant loses the dispute after 20 s",
        notices=((10, State.DISPUTE_OPENED), (20, State.DISPUTE_LOST)),
    ),
)  # fmt: skip
VOIDED_CAPTURE_SECONDS: Final = 2
"""From the void to the capture of `captures_when_voided`."""
_BY_DIGITS: Final = {one.digits: one for one in BEHAVIOURS}
BY_NAME: Final = {one.name: one for one in BEHAVIOURS}


def choose(minor: int, name: str = "") -> Behaviour:
    """The behaviour for an amount, or the one that is named; an unknown name counts as none.

    Args:
        minor: the amount in minor units.
        name: from the session's metadata.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    return _BY_DIGITS.get(minor % 100, _BY_DIGITS[None])


def table() -> str:
    """The behaviours as a Markdown table."""
    rows = [
        f"| {'other' if one.digits is None else one.digits} | `{one.name}` | {one.does} |"
        for one in BEHAVIOURS
    ]
    return "\n".join(["| digits | name | the sandbox |", "| --- | --- | --- |", *rows])
