"""AcceptClock: the offset is recorded and applies from that append on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from application.commands.accept_clock import AcceptClock
from domain.clock import Clock
from tests.support.given import HOLDERS, NOBODY, event, given
from tests.support.memory_log import START


def test_the_offset_applies_to_its_own_event() -> None:
    scenario = given(*HOLDERS)

    scenario.when(AcceptClock(acceptance_id=NOBODY, offset=timedelta(seconds=100)))

    [accepted] = scenario.log.events[2:]
    recorded: Any = accepted.event
    assert type(recorded) is Clock.Accepted
    assert recorded.offset_microseconds == 100_000_000
    assert (recorded.originator_id, recorded.timestamp) == (NOBODY, START)
    assert accepted.recorded_at == START + timedelta(seconds=100) == scenario.log.now()


def test_no_offset_is_an_acceptance_too() -> None:
    scenario = given(*HOLDERS).when(AcceptClock(acceptance_id=NOBODY, offset=timedelta(0)))

    scenario.then(event(Clock.Accepted, NOBODY, offset_microseconds=0))
    assert scenario.subject.offset == timedelta(0)


@pytest.mark.parametrize("offset", [timedelta(seconds=-1), timedelta(days=36_526)])
def test_an_offset_out_of_range_is_refused(offset: timedelta) -> None:
    given(*HOLDERS).when(AcceptClock(acceptance_id=NOBODY, offset=offset)).then_invalid("offset")
