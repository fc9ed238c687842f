"""One open or paid session per order."""

from __future__ import annotations

import pytest

from tests.support.damaged_logs import Damage, broken, changed, events, twice, without
from tests.support.ledger_fixture import LedgerFixture

OTHER = "ps_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    "damage",
    [
        without("payment_session.expired"),
        without("order.released"),
        without("order.opened"),
        twice("order.opened"),
        changed("order.released", session_id=OTHER),
    ],
)
def test_a_damaged_log_is_reported(ledger: LedgerFixture, damage: Damage) -> None:
    assert "one-session-per-order" in broken(damage(events(ledger)))
