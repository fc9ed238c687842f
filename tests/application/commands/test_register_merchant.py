"""RegisterMerchant: a name, and the hosts that payers may return to."""

from __future__ import annotations

from dataclasses import replace

from domain.merchants.merchant import Merchant
from tests.support.given import HOLDERS, MERCHANT_ID, event, given

REGISTER = HOLDERS[0]


def test_a_merchant_is_registered() -> None:
    scenario = given().when(REGISTER)

    scenario.then(
        event(Merchant.Registered, MERCHANT_ID, name="Cafe", return_hosts=["shop.example"])
    )
    assert scenario.subject.id == MERCHANT_ID


def test_an_empty_name_is_refused() -> None:
    given().when(replace(REGISTER, name="")).then_invalid("name")
