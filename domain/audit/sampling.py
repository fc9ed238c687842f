"""Monetary-unit sampling whose choice nobody makes: the checkpoint's root is the seed.

Every minor unit of a population has a number, in the order of the log. Each `interval`-th of them
is selected, from a random start within the first interval, and with the unit the payment that it
belongs to. So a payment's chance is its amount over the interval, and one of at least the interval
is always selected (ISA 530, appendix 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from domain.audit.note import Checkpoint

COUNT_MAX: Final = 10_000
"""Of units that are selected in one currency."""
_TAG: Final = "qrledger-sample 1\n"


def interval_of(total_minor: int, count: int) -> int:
    """How many minor units lie between two that are selected: the total over the count, rounded up.

    Args:
        total_minor: of the population, above zero.
        count: how many units are to be selected, from 1 to `COUNT_MAX`; fewer are if the total is
            small.
    """
    return -(-total_minor // count)


def start_of(head: Checkpoint, currency: str, interval: int) -> int:
    """The number of the first unit that is selected, from 1 to `interval`.

    SHA-256 over `qrledger-sample 1`, the three lines of the checkpoint, the currency and the
    interval, each line with its newline; as a big-endian number modulo the interval, plus 1.
    """
    text = f"{_TAG}{head.text}{currency}\n{interval}\n"
    return int.from_bytes(sha256(text.encode()).digest(), "big") % interval + 1


def select(amounts: Iterable[int], interval: int, start: int) -> Iterator[tuple[int, int]]:
    """The index of every amount with a selected unit, and how many of its units are selected."""
    before = 0
    for index, minor in enumerate(amounts):
        after = before + minor
        hits = (after - start) // interval - (before - start) // interval
        if hits:
            yield index, hits
        before = after
