"""Acceptances of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.clock import ClockAcceptance
from domain.errors import InvalidRequest
from tests.support.aggregates import STREAM, fact, given

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CENTURY = timedelta(days=36_525)
TICK = timedelta(microseconds=1)


def accept(offset: timedelta) -> Callable[[None], ClockAcceptance]:
    return lambda _: ClockAcceptance.accept(acceptance_id=STREAM, offset=offset, at=NOW)


@pytest.mark.parametrize("offset", [timedelta(0), TICK, CENTURY])
def test_an_acceptance_records_the_offset_in_microseconds(offset: timedelta) -> None:
    accepted = fact(ClockAcceptance.Accepted, NOW, offset_microseconds=offset // TICK)

    scenario = given().when(accept(offset)).then(accepted)

    assert scenario.aggregate.offset == offset


@pytest.mark.parametrize("offset", [-TICK, CENTURY + TICK])
def test_an_offset_out_of_range_is_refused(offset: timedelta) -> None:
    refusal = InvalidRequest.of("offset", "must be from 0 to 36525 days")

    given().when(accept(offset)).then(refusal)
