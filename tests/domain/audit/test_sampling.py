"""Monetary-unit sampling: which units are selected, and that nobody can choose them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.audit.note import Checkpoint
from domain.audit.sampling import interval_of, select, start_of

HEAD = Checkpoint("pay.example/test/x", 10, bytes(32))
AMOUNTS = st.lists(st.integers(0, 10**15), max_size=200)


def naive(amounts: list[int], interval: int, start: int) -> dict[int, int]:
    """Every unit with its number, one after the other."""
    owners = [index for index, minor in enumerate(amounts) for _ in range(minor)]
    hits: dict[int, int] = {}
    for index in owners[start - 1 :: interval]:
        hits[index] = hits.get(index, 0) + 1
    return hits


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 60), st.data())
def test_the_selected_units_are_those_of_a_count_one_by_one(
    amounts: list[int], interval: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(1, interval))

    assert dict(select(amounts, interval, start)) == naive(amounts, interval, start)


@given(AMOUNTS, st.integers(1, 10_000))
def test_as_many_units_are_selected_as_intervals_fit_and_large_amounts_always(
    amounts: list[int], count: int
) -> None:
    total = sum(amounts)
    if not total:
        return
    interval = interval_of(total, count)
    start = start_of(HEAD, "EUR", interval)

    hits = dict(select(amounts, interval, start))

    assert sum(hits.values()) in {total // interval, -(-total // interval)}
    assert sum(hits.values()) <= count
    assert all(hits[index] for index, minor in enumerate(amounts) if minor >= interval)


def test_the_start_is_within_the_first_interval_and_depends_on_root_currency_and_interval() -> None:
    other = Checkpoint(HEAD.origin, HEAD.size, bytes([1]) + bytes(31))
    starts = {
        start_of(head, currency, interval)
        for head in (HEAD, other)
        for currency in ("EUR", "USD")
        for interval in (10**9, 10**9 + 1)
    }

    assert len(starts) == 8
    assert all(1 <= start_of(HEAD, "EUR", n) <= n for n in range(1, 200))


def test_the_start_is_what_the_format_says() -> None:
    assert start_of(HEAD, "EUR", 1_000_000) == 833445
