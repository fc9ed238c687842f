"""The state cache: bounded, cleared after a failure, and never the reason for a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from application.command import Outcome
from application.errors import LogUnavailable
from application.event_log import LoadResult
from domain.sessions.state import Status
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog


def test_an_unavailable_log_is_a_transient_failure() -> None:
    class UnavailableLog(MemoryLog):
        unavailable = False

        def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
            if self.unavailable:
                raise LogUnavailable(reason="the database is unavailable")
            return super().load(streams, receipts)

    log = UnavailableLog()
    ledger = LedgerFixture(log)
    log.unavailable = True
    assert ledger.try_send(ledger.create()) == "overloaded"
    assert not ledger.bus._cache._states

    log.unavailable = False
    assert isinstance(ledger.try_send(ledger.create()), Outcome)


def test_the_cache_is_bounded_and_a_tiny_one_changes_no_result() -> None:
    ledger = LedgerFixture(MemoryLog())
    ledger.bus._cache._states_max = 1
    wallet, session = ledger.open_wallet(), ledger.create_session()

    outcome = ledger.send(ledger.pay(session, wallet, ledger.claim_session(session, wallet)))

    assert outcome.subject.status is Status.PAID
    assert len(ledger.bus._cache._states) == 1
