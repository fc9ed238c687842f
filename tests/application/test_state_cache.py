"""What the bus remembers: bounded, forgotten in doubt, and never the reason for an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from application.command import Outcome
from application.errors import LogUnavailable
from application.event_log import Loading
from domain.sessions.state import Status
from tests.support.memory_log import MemoryLog
from tests.support.world import World


def test_a_log_that_is_away_is_told_as_such_and_forgotten_when_it_is_back() -> None:
    class Away(MemoryLog):
        away = False

        def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> Loading:
            if self.away:
                raise LogUnavailable(reason="the database is away")
            return super().load(streams, receipts)

    log = Away()
    world = World(log)
    log.away = True
    assert world.try_send(world.create()) == "overloaded"

    log.away = False
    assert isinstance(world.try_send(world.create()), Outcome)


def test_the_cache_is_bounded_and_a_tiny_one_changes_no_answer() -> None:
    world = World(MemoryLog())
    world.bus._cache._states_max = 1
    wallet, session = world.a_wallet(), world.a_session()

    outcome = world.send(world.pay(session, wallet, world.a_claim(session, wallet)))

    assert outcome.subject.status is Status.PAID
    assert len(world.bus._cache._entries) == 1
