"""TopUpWallet: each reference adds money to a wallet once."""

from __future__ import annotations

from dataclasses import replace

from domain.money.money import Money
from domain.wallets.top_up_reference import TopUpReference
from domain.wallets.wallet import BALANCE_MINOR_MAX, Wallet
from tests.support.given import (
    APP,
    HOLDERS,
    NOBODY,
    OPEN,
    OPEN_OTHER,
    OTHER_WALLET_ID,
    REFERENCE_ID,
    TOP_UP,
    WALLET,
    WALLET_ID,
    event,
    given,
    refused,
)

TOPPED_UP = (
    event(TopUpReference.Used, REFERENCE_ID, wallet_id=WALLET, reference="funds"),
    event(
        Wallet.ToppedUp, WALLET_ID, amount_minor=5000, currency="USD", exponent=2, reference="funds"
    ),
)


def test_a_top_up_records_the_money_and_the_reference() -> None:
    scenario = given(*HOLDERS, OPEN).when(TOP_UP).then(*TOPPED_UP)

    assert scenario.subject.available_minor == 5000


def test_the_app_may_top_up_its_own_wallet_only() -> None:
    given(*HOLDERS, OPEN).when(replace(TOP_UP, wallet_app_id=APP)).then(*TOPPED_UP)
    given(*HOLDERS, OPEN).when(replace(TOP_UP, wallet_app_id="app_other")).then(
        refused("not-found", thing="wallet")
    )


def test_a_reference_is_used_once_for_each_wallet() -> None:
    again = replace(TOP_UP, amount=Money(1, "USD"))
    scenario = given(*HOLDERS, OPEN, OPEN_OTHER, TOP_UP)

    scenario.when(again).then(refused("reference-used", wallet_id=WALLET, reference="funds"))

    scenario.when(replace(again, wallet_id=OTHER_WALLET_ID))
    assert scenario.subject.available_minor == 1


def test_an_unknown_wallet_is_not_found() -> None:
    scenario = given(*HOLDERS).when(replace(TOP_UP, wallet_id=NOBODY))

    scenario.then(refused("not-found", thing="wallet"))


def test_another_currency_is_refused() -> None:
    scenario = given(*HOLDERS, OPEN).when(replace(TOP_UP, amount=Money(1, "EUR")))

    scenario.then(refused("wallet-currency-mismatch", wallet_currency="USD", asked_currency="EUR"))


def test_a_balance_above_the_limit_is_refused() -> None:
    most = Money(10**12 - 1, "USD")
    full = [replace(TOP_UP, amount=most, reference=str(n)) for n in range(1000)]

    scenario = given(*HOLDERS, OPEN, *full).when(replace(TOP_UP, amount=Money(1001, "USD")))

    scenario.then(refused("balance-limit", wallet_id=WALLET, limit_minor=BALANCE_MINOR_MAX))
