"""Ids as TypeIDs write them, many at a time: the groups of five bits of all ids are moved at once.

Ids are numbers side by side in one large integer. Whatever is done to it, such as a shift, is done
to all of them in C; a loop in Python over the 26 characters of each id takes six times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from domain.ids import ALPHABET, SUFFIX_CHARS

ID_BYTES: Final = 16
LANE_BYTES: Final = 32
"""Of each id: room for 32 groups of five bits, of which the first six are empty, in a byte each."""
STEPS: Final = ((80, 32), (40, 16), (20, 8), (10, 4), (5, 2))
"""Bits of one half, and bytes of the slot in which both halves lie: at first 16 groups in half a
lane, at last one group in a byte."""
CHARACTERS: Final = ALPHABET.encode() + bytes(256 - len(ALPHABET))


def suffixes(ids: Sequence[bytes]) -> list[str]:
    """The 26 characters of each id of 16 bytes, as `domain.ids.suffix_of` gives them."""
    gap = bytes(LANE_BYTES - ID_BYTES)
    groups = int.from_bytes(gap.join([b"", *ids]))
    for (bits, slot), mask in zip(STEPS, _low_halves(len(ids)), strict=True):
        low = groups & mask
        groups = low | (groups ^ low) << (slot * 4 - bits)
    size = len(ids) * LANE_BYTES
    text = groups.to_bytes(size).translate(CHARACTERS).decode("ascii")
    starts = range(LANE_BYTES - SUFFIX_CHARS, size, LANE_BYTES)
    return [text[start : start + SUFFIX_CHARS] for start in starts]


@lru_cache(2)
def _low_halves(lanes: int) -> tuple[int, ...]:
    """For each step, ones where the low half of each slot is."""
    return tuple(
        int.from_bytes(((1 << bits) - 1).to_bytes(slot) * (LANE_BYTES // slot * lanes))
        for bits, slot in STEPS
    )
