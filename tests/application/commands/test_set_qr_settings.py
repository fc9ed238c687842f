"""SetQrSettings: the operator sets what EMVCo codes say about a merchant."""

from __future__ import annotations

from dataclasses import asdict, replace

from application.commands.set_qr_settings import SetQrSettings
from domain.merchants.merchant import Merchant
from tests.support.given import HOLDERS, MERCHANT_ID, NOBODY, event, given, refused
from tests.support.static_codes import QR

SET = SetQrSettings(merchant_id=MERCHANT_ID, settings=QR)


def test_the_settings_are_recorded() -> None:
    given(*HOLDERS).when(SET).then(event(Merchant.QrChanged, MERCHANT_ID, **asdict(QR)))


def test_the_same_settings_again_record_nothing() -> None:
    given(*HOLDERS, SET).when(SET).then()


def test_settings_that_no_code_can_hold_are_refused() -> None:
    given(*HOLDERS).when(replace(SET, settings=replace(QR, name="Café"))).then_invalid("name")


def test_an_unknown_merchant_is_not_found() -> None:
    given(*HOLDERS).when(replace(SET, merchant_id=NOBODY)).then(
        refused("not-found", thing="merchant")
    )
