"""Two installations under the same load, in alternating slices.

A turn is four slices in the order A B B A, then B A A B, so that a machine that becomes slower or
faster changes both sums alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.cpu import Turn
from benchmarks.flows import Clients
from benchmarks.http_throughput import turn as http_turn
from benchmarks.installation import Installation
from benchmarks.limits import CONNECTIONS, SLICE_SECONDS, TURNS

Pair = tuple[Turn, Turn]
"""A turn of each side."""


async def compare_http(
    ours: Installation, theirs: Installation, *, losing_every: int = 0
) -> list[Pair]:
    """Payment flows through the APIs of two installations, with 64 connections each.

    `losing_every`: see `Clients`.
    """
    installations = (ours, theirs)
    clients = [
        Clients(each.base_url, each.keys, CONNECTIONS, losing_every=losing_every)
        for each in installations
    ]
    for each in clients:
        await each.open_wallets()
        await each.run(SLICE_SECONDS)
    pairs = []
    for number in range(TURNS):
        slices = []
        for i in order(number):
            measured, _ = await http_turn(installations[i], clients[i], SLICE_SECONDS)
            slices.append((i, measured))
        pairs.append(pair(slices))
    for each in clients:
        each.close()
    return pairs


def order(number: int) -> Sequence[int]:
    """The slices of a turn: 0 is the first side, 1 the other."""
    return (1, 0, 0, 1) if number % 2 else (0, 1, 1, 0)


def pair(slices: Sequence[tuple[int, Turn]]) -> Pair:
    """The sum of each side's slices."""
    ours, theirs = ([turn for which, turn in slices if which == i] for i in (0, 1))
    return ours[0] + ours[1], theirs[0] + theirs[1]
