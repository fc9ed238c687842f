"""OpenWallet: an empty wallet in one currency."""

from __future__ import annotations

from dataclasses import replace

from domain.money.currencies import CURRENCIES
from domain.wallets.wallet import Wallet
from tests.support.given import APP, HOLDERS, OPEN, WALLET_ID, event, given


def test_a_new_wallet_is_empty() -> None:
    scenario = given(*HOLDERS).when(OPEN)

    scenario.then(event(Wallet.Opened, WALLET_ID, wallet_app_id=APP, currency="USD", exponent=2))
    assert scenario.subject.available_minor == 0


def test_the_wallet_keeps_the_exponent_of_its_currency() -> None:
    scenario = given(*HOLDERS).when(replace(OPEN, currency=CURRENCIES["JPY"]))

    scenario.then(event(Wallet.Opened, WALLET_ID, wallet_app_id=APP, currency="JPY", exponent=0))
