"""Money and top-up references."""

from __future__ import annotations

import pytest

from tests.support.damaged_logs import Damage, broken, changed, events, twice, without
from tests.support.ledger_fixture import LedgerFixture


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (twice("wallet.captured"), "money-conserved"),
        (without("wallet.captured"), "money-conserved"),
        (without("payment_session.paid"), "money-conserved"),
        (without("wallet.topped_up"), "money-conserved"),
        (without("wallet.opened"), "money-conserved"),
        (changed("wallet.captured", amount_minor=5001), "money-conserved"),
        (twice("wallet.topped_up"), "one-top-up-per-reference"),
        (without("top_up_reference.used"), "one-top-up-per-reference"),
        (twice("top_up_reference.used"), "one-top-up-per-reference"),
    ],
)
def test_a_damaged_log_is_reported(ledger: LedgerFixture, damage: Damage, invariant: str) -> None:
    assert invariant in broken(damage(events(ledger)))
