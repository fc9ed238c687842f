"""Reads of one aggregate: always current, whatever happens to the cache meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application.errors import NotFound
from application.event_log import LoadResult
from application.reader import Reader
from application.state_cache import StateCache
from domain.sessions.payment_session import PaymentSession
from domain.sessions.state import Status
from domain.wallets.wallet import Wallet
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog


def test_an_aggregate_is_current_and_of_the_requested_kind() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    reader = Reader(log)
    session, wallet = ledger.create_session(), ledger.open_wallet()

    assert reader.get(PaymentSession, session, "session").state.status is Status.CREATED
    ledger.send(ledger.scan(session, wallet))
    current = reader.get(PaymentSession, session, "session")

    assert (current.state.status, current.position) == (Status.SCANNED, log.head())
    assert reader.get(PaymentSession, session, "session").position == log.head()
    for kind, stream in ((Wallet, session), (PaymentSession, wallet), (Wallet, uuid7())):
        with pytest.raises(NotFound):
            reader.get(kind, stream, "thing")


def test_a_cache_emptied_during_a_read_does_no_harm() -> None:
    class Forgetful(MemoryLog):
        """Empties the cache between the two halves of a read, as another thread might."""

        def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
            loaded = super().load(streams, receipts)
            cache.clear()
            return loaded

    cache = StateCache()
    ledger = LedgerFixture(log := Forgetful())
    reader = Reader(log, cache)
    session, wallet = ledger.create_session(), ledger.open_wallet()
    warm = MemoryLog()
    warm.events, warm._streams = log.events[:], {k: v[:] for k, v in log._streams.items()}
    claim = ledger.claim_session(session, wallet)
    cache.load(warm, (session,))  # the state before the claim

    current = reader.get(PaymentSession, session, "session")

    assert current.state.claim is not None
    assert current.state.claim.id == claim
    assert current.state.version == 2
