"""Exact shares of an amount: repeated partial returns add up to the whole."""

from __future__ import annotations


def returned(total_minor: int, *, before: int, now: int, of: int) -> int:
    """What a partial return of `now` gives back of a total, after returns of `before` in all.

    Everything returned so far is the floor of total x returned / whole, so rounding never
    accumulates and the last return takes the remainder.

    Args:
        total_minor: what is given back in all, such as the fee; 0 or more.
        before: what was returned of the whole before, 0 to `of`.
        now: what is returned now; `before + now` is at most `of`.
        of: the whole, such as the amount that was paid; above 0.
    """
    return total_minor * (before + now) // of - total_minor * before // of
