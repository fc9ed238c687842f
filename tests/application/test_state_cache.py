"""What the bus remembers: bounded, forgotten in doubt, and never the reason for an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from application.command import Outcome
from application.errors import LogUnavailable
from application.event_log import LoadResult
from domain.sessions.state import Status
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog


def test_a_log_that_is_away_is_told_as_such_and_forgotten_when_it_is_back() -> None:
    class Away(MemoryLog):
        away = False

        def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
            if self.away:
                raise LogUnavailable(reason="the database is away")
            return super().load(streams, receipts)

    log = Away()
    ledger = LedgerFixture(log)
    log.away = True
    assert ledger.try_send(ledger.create()) == "overloaded"

    log.away = False
    assert isinstance(ledger.try_send(ledger.create()), Outcome)


def test_the_cache_is_bounded_and_a_tiny_one_changes_no_answer() -> None:
    ledger = LedgerFixture(MemoryLog())
    ledger.bus._cache._states_max = 1
    wallet, session = ledger.open_wallet(), ledger.create_session()

    outcome = ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))

    assert outcome.subject.status is Status.PAID
    assert len(ledger.bus._cache._states) == 1
