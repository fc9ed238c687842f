"""A wallet's balance never goes below zero and every top-up counts once."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from domain.errors import InvalidRequest
from domain.money.currencies import CURRENCIES
from domain.money.money import AMOUNT_MINOR_MAX, Money
from domain.wallets.errors import BalanceLimit, InsufficientFunds, WalletCurrencyMismatch
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import BALANCE_MINOR_MAX, Wallet

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def a_wallet(minor: int = 0) -> Wallet:
    wallet = Wallet.open(
        wallet_id=uuid7(), wallet_app_id="app_1", currency=CURRENCIES["USD"], at=NOW
    )
    if minor:
        wallet.top_up(amount=Money(minor, "USD"), reference="first", at=NOW)
    return wallet


def test_the_last_cent_can_be_spent_and_no_more() -> None:
    wallet = a_wallet(1000)

    wallet.capture(amount=Money(1000, "USD"), session_id="ps_1", at=NOW)

    assert wallet.available_minor == 0
    with pytest.raises(InsufficientFunds):
        wallet.capture(amount=Money(1, "USD"), session_id="ps_2", at=NOW)


def test_currency_is_checked_before_funds() -> None:
    with pytest.raises(WalletCurrencyMismatch):
        a_wallet().capture(amount=Money(10**9, "EUR"), session_id="ps_1", at=NOW)


def test_a_reference_has_the_same_stream_for_ever_and_every_wallet_its_own() -> None:
    one, other = UUID(int=1), UUID(int=2)

    assert TopUpReference.stream_id(one, "A") == UUID("834437be-dc97-8ccf-8491-08e25867aaed")
    assert len({TopUpReference.stream_id(w, r) for w in (one, other) for r in ("A", "B")}) == 4


def test_a_wallet_holds_at_most_the_limit() -> None:
    wallet = a_wallet()
    for number in range(1000):
        wallet.top_up(amount=Money(AMOUNT_MINOR_MAX, "USD"), reference=str(number), at=NOW)
    left = BALANCE_MINOR_MAX - 1000 * AMOUNT_MINOR_MAX
    wallet.top_up(amount=Money(left, "USD"), reference="to the limit", at=NOW)

    with pytest.raises(BalanceLimit):
        wallet.top_up(amount=Money(1, "USD"), reference="one more", at=NOW)


def test_no_wallet_is_opened_in_a_withdrawn_currency() -> None:
    with pytest.raises(InvalidRequest):
        Wallet.open(wallet_id=uuid7(), wallet_app_id="app_1", currency=CURRENCIES["HRK"], at=NOW)


@pytest.mark.parametrize("minor", [0, -1, AMOUNT_MINOR_MAX + 1])
def test_no_money_moves_by_an_amount_that_is_out_of_range(minor: int) -> None:
    wallet = a_wallet()
    wallet.collect_events()

    with pytest.raises(InvalidRequest):
        wallet.top_up(amount=Money(minor, "USD"), reference="odd", at=NOW)
    with pytest.raises(InvalidRequest):
        wallet.capture(amount=Money(minor, "USD"), session_id="ps_1", at=NOW)

    assert wallet.pending_events == []
