"""A share of the trials; `make tamper` runs a thousand."""

from __future__ import annotations

import random

import pytest

from infrastructure.bundles import grouping
from tests.support import old_histories
from tests.tampering.history import history, of
from tests.tampering.kinds import KINDS, Tampered
from tests.tampering.trials import judge, run

SHARE = len(KINDS)


def test_every_kind_of_tampering_is_found_where_it_was_done() -> None:
    totals = run(range(SHARE), seed=1)

    assert totals.missed == []
    assert totals.false_alarms == []
    assert len(KINDS) >= 15


def test_an_untouched_history_is_proven_however_its_events_are_distributed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    untouched = history(11)

    for events in (7, 40, 10**6):
        monkeypatch.setattr(grouping, "GROUP_EVENTS", events)
        assert judge(Tampered(untouched.members), untouched) == (None, None)


@pytest.mark.parametrize("name", old_histories.NAMES)
def test_the_history_of_an_earlier_program_is_proven_and_tampering_with_it_is_found(
    name: str,
) -> None:
    untouched = of(old_histories.source(name))

    assert judge(Tampered(untouched.members), untouched) == (None, None)
    for kind in ("a figure is edited", "an event is deleted", "an actor is changed"):
        tampered = KINDS[kind](random.Random(name), untouched)
        assert judge(tampered, untouched)[0] is not None, kind


def test_there_are_histories_of_earlier_programs() -> None:
    assert len(old_histories.NAMES) >= 3


def test_what_is_found_does_not_depend_on_how_the_events_are_distributed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grouping, "GROUP_EVENTS", 20)

    totals = run(range(0, SHARE, 4), seed=2)

    assert totals.missed == []
    assert totals.false_alarms == []
