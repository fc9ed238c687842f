"""Acceptances of the clock, and advances of a test clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.clock import ADVANCE_SECONDS_MAX, ADVANCED_SECONDS_MAX, Clock
from domain.errors import InvalidRequest
from tests.support.aggregates import STREAM, Fact, fact, given

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CENTURY = timedelta(days=36_525)
TICK = timedelta(microseconds=1)


def accept(offset: timedelta) -> Callable[[None], Clock]:
    return lambda _: Clock.accept(acceptance_id=STREAM, offset=offset, at=NOW)


@pytest.mark.parametrize("offset", [timedelta(0), TICK, CENTURY])
def test_an_acceptance_records_the_offset_in_microseconds(offset: timedelta) -> None:
    accepted = fact(Clock.Accepted, NOW, offset_microseconds=offset // TICK)

    scenario = given().when(accept(offset)).then(accepted)

    assert scenario.aggregate.offset == offset


@pytest.mark.parametrize("offset", [-TICK, CENTURY + TICK])
def test_an_offset_out_of_range_is_refused(offset: timedelta) -> None:
    refusal = InvalidRequest.of("offset", "must be from 0 to 36525 days")

    given().when(accept(offset)).then(refusal)


def advance(seconds: int) -> Callable[[Clock | None], Clock]:
    def act(clock: Clock | None) -> Clock:
        if clock is None:
            return Clock.start(seconds=seconds, at=NOW)
        clock.advance(seconds=seconds, at=NOW)
        return clock

    return act


def advanced(seconds: int) -> Fact:
    return fact(Clock.Advanced, NOW, seconds=seconds)


@pytest.mark.parametrize("seconds", [1, 86_400, ADVANCE_SECONDS_MAX])
def test_advances_add_up(seconds: int) -> None:
    first = given().when(advance(seconds)).then(advanced(seconds))
    second = given(advanced(60)).when(advance(seconds)).then(advanced(seconds))

    assert first.aggregate.advanced_seconds == seconds
    assert second.aggregate.advanced_seconds == 60 + seconds


@pytest.mark.parametrize("seconds", [0, -1, ADVANCE_SECONDS_MAX + 1, 10**30])
@pytest.mark.parametrize("history", [(), (60,)])
def test_an_advance_out_of_range_is_refused(seconds: int, history: tuple[int, ...]) -> None:
    refusal = InvalidRequest.of("advance_seconds", "must be from 1 to 31622400")

    given(*map(advanced, history)).when(advance(seconds)).then(refusal)


def test_all_advances_together_stay_within_a_century() -> None:
    years = [ADVANCE_SECONDS_MAX] * 99
    left = ADVANCED_SECONDS_MAX - sum(years)
    text = f"may be at most {left}: a test clock is advanced by 36525 days in all"

    given(*map(advanced, years)).when(advance(left)).then(advanced(left))
    given(*map(advanced, years)).when(advance(left + 1)).then(
        InvalidRequest.of("advance_seconds", text)
    )
