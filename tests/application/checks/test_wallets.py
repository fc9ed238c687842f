"""Money and top-up references."""

from __future__ import annotations

import pytest

from tests.support.damaged_logs import (
    Damage,
    as_recorded_by,
    broken,
    changed,
    events,
    twice,
    without,
)
from tests.support.ledger_fixture import LedgerFixture

OTHER = "mer_01h455vb4pex5vsknk084sn02q"
PAID_ELSEWHERE = "ps_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        (twice("wallet.captured"), "money-conserved"),
        (without("wallet.captured"), "money-conserved"),
        (without("payment_session.paid"), "money-conserved"),
        (without("wallet.topped_up"), "money-conserved"),
        (without("wallet.opened"), "money-conserved"),
        (changed("wallet.captured", amount_minor=5001), "money-conserved"),
        (changed("wallet.captured", merchant_name="Corner Café"), "payees-agree"),
        (changed("wallet.captured", merchant_id=OTHER), "payees-agree"),
        (changed("wallet.captured", merchant_id=None), "payees-agree"),
        (changed("wallet.captured", session_id=PAID_ELSEWHERE), "payees-agree"),
        (changed("payment_session.paid", merchant_id=OTHER), "payees-agree"),
        (changed("payment_session.paid", merchant_name="Corner Café"), "payees-agree"),
        (twice("wallet.topped_up"), "one-top-up-per-reference"),
        (without("top_up_reference.used"), "one-top-up-per-reference"),
        (twice("top_up_reference.used"), "one-top-up-per-reference"),
    ],
)
def test_a_damaged_log_is_reported(ledger: LedgerFixture, damage: Damage, invariant: str) -> None:
    assert invariant in broken(damage(events(ledger)))


def test_a_payment_goes_to_the_merchant_of_its_session(ledger: LedgerFixture) -> None:
    log = events(ledger)
    for topic in ("wallet.captured", "payment_session.paid"):
        log = changed(topic, merchant_id=OTHER)(log)

    assert "payees-agree" in broken(log)


@pytest.mark.parametrize("version", [1, 2])
def test_captures_of_earlier_versions_need_not_name_the_payee(
    ledger: LedgerFixture, version: int
) -> None:
    assert broken(as_recorded_by("wallet.captured", version)(events(ledger))) == set()
