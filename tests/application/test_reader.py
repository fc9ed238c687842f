"""Reading one thing from the log: always current, whatever the cache does meanwhile."""

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


def test_what_is_read_is_current_and_of_the_kind_that_was_asked_for() -> None:
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


def test_an_entry_that_is_let_go_while_the_log_is_asked_is_no_harm() -> None:
    class Forgetful(MemoryLog):
        """Lets another thread empty the cache between the two halves of a read."""

        def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
            loading = super().load(streams, receipts)
            cache.clear()
            return loading

    cache = StateCache()
    ledger = LedgerFixture(log := Forgetful())
    reader = Reader(log, cache)
    session, wallet = ledger.create_session(), ledger.open_wallet()
    warm = MemoryLog()
    warm.events, warm._streams = log.events[:], {k: v[:] for k, v in log._streams.items()}
    claim = ledger.claim_session(session, wallet)
    cache.load(warm, (session,))  # as it stood before the claim

    current = reader.get(PaymentSession, session, "session")

    assert current.state.claim is not None
    assert current.state.claim.id == claim
    assert current.state.version == 2
