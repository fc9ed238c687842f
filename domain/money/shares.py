"""Exact shares of an amount: repeated partial returns add up to the whole."""

from __future__ import annotations


def returned(total_minor: int, *, so_far: int, of: int, taken_minor: int) -> int:
    """What a partial return gives back of a total: the floor of the share, less what was taken.

    Rounding never accumulates, and the return that completes the whole takes the remainder. What
    was taken counts as it was taken: if an earlier return has failed, it may exceed the floor, and
    then nothing is given back now.

    Args:
        total_minor: what is given back in all, such as the fee; 0 or more.
        so_far: what is returned of the whole, this return included; at most `of`.
        of: the whole, such as the amount that was paid; above 0.
        taken_minor: what earlier returns, those that failed left out, have taken of the total.
    """
    return max(0, total_minor * so_far // of - taken_minor)
