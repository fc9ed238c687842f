"""The log that the checks' tests damage."""

from __future__ import annotations

import pytest

from tests.support.damaged_logs import ledger_with_every_event
from tests.support.ledger_fixture import LedgerFixture


@pytest.fixture
def ledger() -> LedgerFixture:
    """A ledger in which every event of sessions, wallets and orders has happened."""
    return ledger_with_every_event()
