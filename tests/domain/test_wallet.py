"""Wallets: the balance never goes below zero and never above the limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from domain import ids
from domain.errors import InvalidRequest
from domain.money.currencies import CURRENCIES
from domain.money.money import AMOUNT_MINOR_MAX, Money
from domain.wallets.errors import BalanceLimit, InsufficientFunds, WalletCurrencyMismatch
from domain.wallets.wallet import BALANCE_MINOR_MAX, Wallet
from tests.support.aggregates import STREAM, Fact, fact, given

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LATER = datetime(2026, 5, 2, tzinfo=UTC)
WALLET = ids.encode("wal", STREAM)
PAYEE = {"merchant_id": "mer_1", "merchant_name": "Corner Café"}
OPENED = fact(Wallet.Opened, NOW, wallet_app_id="app_1", currency="USD", exponent=2)


def topped_up(minor: int, reference: str = "r") -> Fact:
    money = {"amount_minor": minor, "currency": "USD", "exponent": 2}
    return fact(Wallet.ToppedUp, LATER, reference=reference, **money)


def captured(minor: int) -> Fact:
    money = {"amount_minor": minor, "currency": "USD", "exponent": 2}
    return fact(Wallet.Captured, LATER, session_id="ps_1", source="available", **PAYEE, **money)


def open_in(currency: str) -> Callable[[None], Wallet]:
    return lambda _: Wallet.open(
        wallet_id=STREAM, wallet_app_id="app_1", currency=CURRENCIES[currency], at=NOW
    )


def top_up(minor: int, currency: str = "USD") -> Callable[[Wallet], None]:
    return lambda wallet: wallet.top_up(amount=Money(minor, currency), reference="r", at=LATER)


def capture(minor: int, currency: str = "USD") -> Callable[[Wallet], None]:
    return lambda wallet: wallet.capture(
        amount=Money(minor, currency), session_id="ps_1", at=LATER, **PAYEE
    )


def test_a_new_wallet_is_empty() -> None:
    scenario = given().when(open_in("USD")).then(OPENED)

    assert (scenario.aggregate.public_id, scenario.aggregate.available.minor) == (WALLET, 0)
    assert scenario.aggregate.held == Money(0, "USD")


def test_a_withdrawn_currency_is_refused() -> None:
    given().when(open_in("HRK")).then(InvalidRequest.of("currency", "HRK has been withdrawn"))


def test_the_whole_balance_can_be_spent_and_no_more() -> None:
    scenario = given(OPENED).when(top_up(1000)).then(topped_up(1000))

    scenario.when(capture(1000)).then(captured(1000))

    assert scenario.aggregate.available == Money(0, "USD")
    scenario.when(capture(1)).then(
        InsufficientFunds(wallet_id=WALLET, asked_minor=1, currency="USD")
    )


def test_the_currency_is_checked_before_funds_and_the_limit() -> None:
    mismatch = WalletCurrencyMismatch(wallet_currency="USD", asked_currency="EUR")

    given(OPENED).when(capture(10**9, "EUR")).then(mismatch)
    given(OPENED).when(top_up(10**9, "EUR")).then(mismatch)


def test_a_balance_reaches_the_limit_and_no_more() -> None:
    history = [topped_up(AMOUNT_MINOR_MAX, str(number)) for number in range(1000)]
    left = BALANCE_MINOR_MAX - 1000 * AMOUNT_MINOR_MAX

    scenario = given(OPENED, *history).when(top_up(left)).then(topped_up(left))

    assert scenario.aggregate.available_minor == BALANCE_MINOR_MAX
    scenario.when(top_up(1)).then(BalanceLimit(wallet_id=WALLET, limit_minor=BALANCE_MINOR_MAX))


@pytest.mark.parametrize(
    ("move", "minor_max"), [(top_up, AMOUNT_MINOR_MAX), (capture, BALANCE_MINOR_MAX)]
)
def test_amounts_out_of_range_are_refused_before_the_currency(
    move: Callable[[int, str], Callable[[Wallet], object]], minor_max: int
) -> None:
    refusal = InvalidRequest.of("amount.minor", f"must be from 1 to {minor_max}")

    for minor in (0, -1, minor_max + 1):
        given(OPENED).when(move(minor, "EUR")).then(refusal)
