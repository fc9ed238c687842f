"""RegisterWalletApp: a name."""

from __future__ import annotations

from dataclasses import replace

from domain.wallets.wallet_app import WalletApp
from tests.support.given import APP_ID, HOLDERS, event, given

REGISTER = HOLDERS[1]


def test_a_wallet_app_is_registered() -> None:
    scenario = given().when(REGISTER)

    scenario.then(event(WalletApp.Registered, APP_ID, name="App"))
    assert scenario.subject.id == APP_ID


def test_an_empty_name_is_refused() -> None:
    given().when(replace(REGISTER, name="")).then_invalid("name")
