"""IssueStaticCode and RevokeStaticCode: a merchant's printed codes."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from application.commands.issue_static_code import IssueStaticCode
from application.commands.set_qr_settings import SetQrSettings
from domain.merchants.qr_settings import QrSettings
from domain.qr import emv_mpm, static_code, tlv
from domain.qr.emv_code import Initiation, Language
from domain.static_codes.static_code import StaticCode
from domain.static_codes.terms import Terms
from domain.static_codes.texts import Format
from tests.support.given import (
    HOLDERS,
    MERCHANT,
    MERCHANT_ID,
    NOBODY,
    PUBLIC_URL,
    Scenario,
    event,
    given,
    refused,
)
from tests.support.memory_keys import MemoryKeys
from tests.support.static_codes import OPEN_TERMS, QR

CODE_ID = UUID("01890a5d-ac96-774b-bcce-b302000000cc")
KEYS = MemoryKeys("K1")
ISSUE = IssueStaticCode(
    code_id=CODE_ID, merchant_id=MERCHANT_ID, terms=OPEN_TERMS, label="Till 3",
    formats=(Format.URL,), public_url=PUBLIC_URL, key=KEYS.current(),
)  # fmt: skip
EMV = replace(ISSUE, formats=(Format.URL, Format.EMV))
SET_QR = SetQrSettings(merchant_id=MERCHANT_ID, settings=QR)


def texts(scenario: Scenario) -> dict[str, str]:
    payloads: dict[str, str] = scenario.subject.payloads
    return payloads


def test_a_code_is_issued_with_its_signed_address() -> None:
    scenario = given(*HOLDERS).when(ISSUE)

    address = texts(scenario)["url"]
    scenario.then(
        event(
            StaticCode.Issued, CODE_ID, merchant_id=MERCHANT, merchant_name="Cafe", currency="USD",
            exponent=2, amount_minor=None, min_minor=100, max_minor=5000, label="Till 3",
            key_id="K1", payloads={"url": address},
        )
    )  # fmt: skip
    code = static_code.parse(address, PUBLIC_URL)
    code.check(KEYS.verify)
    assert code.code_id == CODE_ID


def test_signing_again_makes_the_same_texts() -> None:
    scenarios = [given(*HOLDERS, SET_QR).when(EMV) for _ in range(2)]

    assert texts(scenarios[0]) == texts(scenarios[1])


def test_an_emv_code_names_the_merchant_and_the_till() -> None:
    scenario = given(*HOLDERS, SET_QR).when(EMV)

    text = texts(scenario)["emv"]
    code = emv_mpm.parse(text)
    assert (code.country, code.city, code.category, code.name) == (
        "US", "Springfield", "5812", "Corner Cafe",
    )  # fmt: skip
    assert code.initiation is Initiation.STATIC
    assert (code.amount_minor, code.currency, code.language) == (None, "USD", None)
    assert code.additional == {"07": "Till 3"}
    static_code.parse(text, PUBLIC_URL).check(KEYS.verify)


def test_the_longest_emv_code_fits() -> None:
    settings = QrSettings(
        country="US", city="c" * 15, category="5812", name="n" * 25, postal_code="p" * 10,
        language="ZH", local_name="街" * 25, local_city="市" * 15,
    )  # fmt: skip
    keys = MemoryKeys("K" * 16)
    terms = Terms(currency="USD", amount_minor=999_999_999_999)
    command = replace(EMV, terms=terms, label="l" * 25, key=keys.current())

    scenario = given(*HOLDERS, replace(SET_QR, settings=settings)).when(command)

    text = texts(scenario)["emv"]
    code = emv_mpm.parse(text)
    assert code.amount_minor == 999_999_999_999
    assert code.language == Language("ZH", "街" * 25, "市" * 15)
    assert code.additional == {"07": "l" * 25}
    static_code.parse(text, PUBLIC_URL).check(keys.verify)
    assert len(text) <= 512


@pytest.mark.parametrize("label", ["", "l" * 26, "Kasse Süd", "街"])
def test_a_label_that_emvco_cannot_hold_is_left_out_of_the_text(label: str) -> None:
    scenario = given(*HOLDERS, SET_QR).when(replace(EMV, label=label))

    assert emv_mpm.parse(texts(scenario)["emv"]).additional == {}
    assert scenario.subject.label == label


@pytest.mark.parametrize(
    ("currency", "minor", "numeric", "amount"),
    [("JPY", 500, "392", "500"), ("KWD", 1005, "414", "1.005"), ("AUD", 123, "036", "1.23")],
)
def test_a_fixed_amount_is_written_in_major_units(
    currency: str, minor: int, numeric: str, amount: str
) -> None:
    terms = Terms(currency=currency, amount_minor=minor)

    scenario = given(*HOLDERS, SET_QR).when(replace(EMV, terms=terms))

    objects = {one.id: one.value for one in tlv.parse(texts(scenario)["emv"])}
    assert (objects["53"], objects["54"], objects["01"]) == (numeric, amount, "11")


def test_an_emv_code_without_settings_is_refused_with_what_to_do() -> None:
    scenario = given(*HOLDERS).when(EMV)

    scenario.then(refused("qr-settings-missing", merchant_id=MERCHANT))
    assert f"qrledger merchants qr {MERCHANT}" in str(scenario.result)


def test_a_label_that_is_too_long_is_refused() -> None:
    given(*HOLDERS).when(replace(ISSUE, label="x" * 81)).then_invalid("label")


def test_an_unknown_merchant_is_not_found() -> None:
    given(*HOLDERS).when(replace(ISSUE, merchant_id=NOBODY)).then(
        refused("not-found", thing="merchant")
    )


def test_printed_texts_stay_whatever_happens_to_settings_and_keys() -> None:
    keys = MemoryKeys("K1")
    scenario = given(*HOLDERS, SET_QR).when(replace(EMV, key=keys.current()))
    printed = dict(texts(scenario))

    scenario.run(replace(SET_QR, settings=replace(QR, name="Another name")))
    keys.rotate("K2")

    [issued] = [
        one.event for one in scenario.log.events if isinstance(one.event, StaticCode.Issued)
    ]
    assert issued.payloads == printed
    for text in printed.values():
        static_code.parse(text, PUBLIC_URL).check(keys.verify)
