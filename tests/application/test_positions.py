"""Instants and positions of the past, on a log in memory."""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from uuid import UUID

import pytest

from application import positions
from application.commands.top_up_wallet import TopUpWallet
from application.event_log import history
from application.positions import SETTLED_AFTER, moment_of, version_at
from domain.errors import InvalidRequest
from domain.money.money import Money
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog

STEP = timedelta(microseconds=1)


def filled(top_ups: int) -> tuple[LedgerFixture, MemoryLog, UUID]:
    """A wallet with many top-ups, each at a time of its own."""
    log = MemoryLog()
    ledger = LedgerFixture(log)
    wallet = ledger.open_wallet(0)
    for number in range(top_ups):
        log.advance(number % 3)
        ledger.send(TopUpWallet(wallet_id=wallet, amount=Money(1, "USD"), reference=str(number)))
    return ledger, log, wallet


def test_every_instant_names_the_events_before_it() -> None:
    _, log, _ = filled(20)
    instants = [recorded.recorded_at for recorded in log.read(0, 1000)]
    log.advance(SETTLED_AFTER.total_seconds() + 1)

    for instant in instants:
        for at in (instant, instant + STEP):
            before = bisect_left(instants, at)
            if before:
                assert moment_of(log, at) == (before, at)
            else:
                with pytest.raises(InvalidRequest):
                    moment_of(log, at)


def test_a_position_is_judged_at_its_own_time() -> None:
    _, log, _ = filled(3)
    for recorded in log.read(0, 1000):
        assert moment_of(log, recorded.position) == (recorded.position, recorded.recorded_at)
    for position in (0, -1, log.head() + 1, 2**62):
        with pytest.raises(InvalidRequest):
            moment_of(log, position)


def test_an_instant_after_the_last_event_waits_until_no_append_can_be_under_way() -> None:
    _, log, _ = filled(1)
    at = log.now() + STEP
    log.advance(SETTLED_AFTER.total_seconds())
    with pytest.raises(InvalidRequest):
        moment_of(log, at)

    log.advance(1)

    assert moment_of(log, at) == (log.head(), at)


@pytest.mark.parametrize("page", [3, 4, 7, 1000])
def test_a_stream_of_any_length_has_the_version_of_each_position(
    monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """The pages are shorter than in production, so that a short stream has several."""
    _, log, wallet = filled(40)
    versions = [recorded.position for recorded in history(log, wallet)]
    monkeypatch.setattr(positions, "STREAM_EVENTS_MAX", page)
    whole = log.stream

    def paged(stream_id: UUID, *, after: int = 0, up_to: int = 2**62) -> object:
        return whole(stream_id, after=after, up_to=up_to)[:page]

    monkeypatch.setattr(log, "stream", paged)

    for position in range(log.head() + 2):
        expected = sum(one <= position for one in versions)
        assert version_at(log, wallet, position) == expected, position
