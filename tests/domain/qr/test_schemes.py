"""Pix, PromptPay and PayNow: published vectors, round trips, other schemes' codes refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.qr import emv_mpm, paynow, pix, promptpay
from domain.qr.emv_code import EmvCode, Template
from domain.qr.errors import InvalidQr
from domain.qr.paynow import PayNowCode
from domain.qr.pix import PixCode
from domain.qr.promptpay import PromptPayCode

PIX_STATIC = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D"
)
PIX_DYNAMIC = (
    "00020101021226700014br.gov.bcb.pix2548pix.example.com/8b3da2f39a4140d1a91abd93113bd441"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***630464E4"
)
"""BCB, BR Code manual."""
PROMPTPAY = "00020101021129370016A000000677010111011300668012345675802TH530376463046197"


def test_a_static_pix_code_of_the_manual_in_both_directions() -> None:
    code = PixCode(
        key="123e4567-e12b-12d1-a456-426655440000", name="Fulano de Tal", city="BRASILIA"
    )

    assert pix.parse(PIX_STATIC) == code
    assert pix.build(code) == PIX_STATIC


def test_a_dynamic_pix_code_of_the_manual_in_both_directions() -> None:
    code = PixCode(
        url="pix.example.com/8b3da2f39a4140d1a91abd93113bd441",
        name="Fulano de Tal",
        city="BRASILIA",
    )

    assert pix.parse(PIX_DYNAMIC) == code
    assert pix.build(code) == PIX_DYNAMIC


def test_a_promptpay_code_in_both_directions() -> None:
    code = PromptPayCode(kind=promptpay.ProxyKind.MOBILE, proxy=promptpay.mobile("0801234567"))

    assert promptpay.parse(PROMPTPAY) == code
    assert promptpay.build(code) == PROMPTPAY


def test_a_promptpay_code_is_not_a_plain_one() -> None:
    with pytest.raises(InvalidQr, match="object 52 is missing"):
        emv_mpm.parse(PROMPTPAY)


def test_a_paynow_code_is_read_back() -> None:
    code = PayNowCode(
        kind=paynow.ProxyKind.COMPANY,
        proxy="201403121W",
        name="ACME PTE LTD",
        amount_minor=1050,
        amount_editable=False,
        expires_on=date(2026, 12, 31),
        reference="INV 7",
    )

    text = paynow.build(code)

    account = "0009SG.PAYNOW0101202" + "10201403121W" + "03010" + "0408" + "20261231"
    assert f"26{len(account)}{account}5204000053037025405" + "10.50" in text
    assert paynow.parse(text) == code


READERS: list[Callable[[str], object]] = [pix.parse, promptpay.parse, paynow.parse]


@pytest.mark.parametrize("read", READERS)
def test_another_schemes_code_is_refused(read: Callable[[str], object]) -> None:
    for text in (PIX_STATIC, PROMPTPAY, paynow.build(PAYNOW)):
        try:
            read(text)
        except InvalidQr:
            continue
        assert text.count(
            {"pix": "br.gov", "promptpay": "A0000006", "paynow": "SG.PAYNOW"}[
                read.__module__.rpartition(".")[2]
            ]
        )


PAYNOW = PayNowCode(kind=paynow.ProxyKind.MOBILE, proxy="+6591234567", name="Ann")


@pytest.mark.parametrize(
    "changes",
    [
        {"key": ""}, {"url": "x"}, {"txid": "a b"}, {"txid": "x" * 26}, {"txid": ""},
        {"key": "x" * 78}, {"amount_minor": 0}, {"name": "ã"}, {"info": "x" * 73},
    ],
)  # fmt: skip
def test_values_that_make_no_pix_code_are_refused(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"key": "k", "name": "n", "city": "c", **changes}

    with pytest.raises(ValueError, match=r"\S"):
        pix.build(PixCode(**fields))


@pytest.mark.parametrize(
    "changes",
    [
        {"accounts": {"26": Template("com.example", {"01": "k"})}}, {"currency": "USD"},
        {"country": "PT"}, {"accounts": {"26": Template(pix.GUID, {"01": "k", "25": "u"})}},
        {"accounts": {"26": Template(pix.GUID, {"02": "i"})}}, {"accounts": {"02": "x"}},
    ],
)  # fmt: skip
def test_a_code_that_is_not_of_pix_is_refused(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        "accounts": {"26": Template(pix.GUID, {"01": "k"})}, "currency": "BRL", "country": "BR",
        "name": "n", "city": "c",
    }  # fmt: skip
    assert pix.parse(emv_mpm.build(EmvCode(**fields))).key == "k"

    with pytest.raises(InvalidQr):
        pix.parse(emv_mpm.build(EmvCode(**{**fields, **changes})))


@pytest.mark.parametrize("proxy", ["", "0066", "006680123456x", "00668012345678", "٠٠٦٦801234567"])
def test_a_promptpay_proxy_has_its_number_of_digits(proxy: str) -> None:
    with pytest.raises(ValueError, match="13 digits"):
        promptpay.build(PromptPayCode(kind=promptpay.ProxyKind.MOBILE, proxy=proxy))
    with pytest.raises(ValueError, match="ten digits"):
        promptpay.mobile(proxy)


@pytest.mark.parametrize("objects", [{}, {"01": "0066801234567", "02": "1" * 13}, {"01": "12"}])
def test_a_promptpay_code_names_one_payee(objects: dict[str, str]) -> None:
    code = EmvCode(
        accounts={"29": Template(promptpay.GUID, objects)}, currency="THB", country="TH",
        category="",
    )  # fmt: skip

    with pytest.raises(InvalidQr, match="one payee"):
        promptpay.parse(emv_mpm.build(code, promptpay.PROFILE))


@pytest.mark.parametrize(
    "objects",
    [
        {"01": "1", "02": "x", "03": "1"}, {"01": "0", "03": "1"}, {"01": "0", "02": "x"},
        {"01": "0", "02": "x", "03": "2"}, {"01": "0", "02": "x", "03": "1", "04": "20261332"},
        {"01": "0", "02": "x", "03": "1", "04": "2026123"},
    ],
)  # fmt: skip
def test_a_paynow_account_is_checked(objects: dict[str, str]) -> None:
    code = EmvCode(
        accounts={"26": Template(paynow.GUID, objects)}, currency="SGD", country="SG", name="n",
        city="c",
    )  # fmt: skip

    with pytest.raises(InvalidQr):
        paynow.parse(emv_mpm.build(code))


@pytest.mark.parametrize("read", READERS)
@given(text=st.text(max_size=200))
def test_any_text_is_read_or_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(InvalidQr):
        read(text)


@given(
    key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=36),
    amount_minor=st.none() | st.integers(1, 10**9),
    txid=st.just("***") | st.from_regex(r"[A-Za-z0-9]{1,25}", fullmatch=True),
)
def test_pix_codes_are_read_back(key: str, amount_minor: int | None, txid: str) -> None:
    code = PixCode(key=key, name="n", city="c", amount_minor=amount_minor, txid=txid)

    assert pix.parse(pix.build(code)) == code
