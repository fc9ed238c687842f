"""EPC069-12 codes: published vectors, round trips, and everything that is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.qr import epc
from domain.qr.epc import EpcCode
from domain.qr.errors import InvalidQr

RED_CROSS = (
    "BCD\n001\n1\nSCT\nBPOTBEB1\nRed Cross of Belgium\nBE72000000001616\nEUR1\nCHAR\n\n"
    "Urgency fund\nSample EPC QR code"
)
"""EPC guideline, its sample."""
WIKIMEDIA = (
    "BCD\n002\n2\nSCT\n\nWikimedia Foerdergesellschaft\nDE33100205000001194700\nEUR20\n\n\n"
    "Spende fuer Wikipedia"
)
CODE = EpcCode(name="Ann", iban="BE72000000001616", amount_minor=150)


def refusal(text: str) -> tuple[object, object]:
    with pytest.raises(InvalidQr) as refused:
        epc.parse(text)
    return refused.value.facts["reason"], refused.value.facts["offset"]


def test_the_sample_of_the_guideline_in_both_directions() -> None:
    code = EpcCode(
        version=1, bic="BPOTBEB1", name="Red Cross of Belgium", iban="BE72000000001616",
        amount_minor=100, purpose="CHAR", text="Urgency fund", info="Sample EPC QR code",
    )  # fmt: skip

    assert epc.parse(RED_CROSS) == code
    assert epc.build(code) == RED_CROSS


def test_a_donation_without_bic_in_both_directions() -> None:
    code = EpcCode(
        charset=2, name="Wikimedia Foerdergesellschaft", iban="DE33100205000001194700",
        amount_minor=2000, text="Spende fuer Wikipedia",
    )  # fmt: skip

    assert epc.parse(WIKIMEDIA) == code
    assert epc.build(code) == WIKIMEDIA


def test_lines_may_end_with_carriage_returns() -> None:
    assert epc.parse(WIKIMEDIA.replace("\n", "\r\n")) == epc.parse(WIKIMEDIA)


@pytest.mark.parametrize(
    ("line", "value", "reason"),
    [
        (0, "BCX", "it does not begin with BCD"),
        (1, "003", "its version is unknown"),
        (2, "9", "its character set is unknown"),
        (2, "¹", "its character set is unknown"),
        (2, "12", "its character set is unknown"),
        (3, "INST", "it is not a SEPA credit transfer"),
        (4, "BPOTBEB", "its BIC is not valid"),
        (4, "", "its BIC is not valid"),
        (5, "", "its name is not valid"),
        (5, "x" * 71, "its name is not valid"),
        (5, "a\rb", "its name is not valid"),
        (6, "BE72000000001617", "its IBAN is not valid"),
        (6, "BE72 0000 0000 1616", "its IBAN is not valid"),
        (6, "BE7200000000161", "its IBAN is not valid"),  # right check digits, one too few
        (6, "BE٧٢000000001616", "its IBAN is not valid"),
        (7, "EUR0", "its amount is not valid"),
        (7, "EUR1.", "its amount is not valid"),
        (7, "EUR1.234", "its amount is not valid"),
        (7, "EUR1,5", "its amount is not valid"),
        (7, "EUR-1", "its amount is not valid"),
        (7, "USD1", "its amount is not valid"),
        (7, "EUR1000000000", "its amount is not valid"),
        (8, "char", "its purpose is not valid"),
        (9, "RF18539007547034", "its text is not valid"),
        (10, "x" * 141, "its text is not valid"),
        (11, "x" * 71, "its information is not valid"),
        (11, "x\ny", "it has more than 12 lines"),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(line: int, value: str, reason: str) -> None:
    lines = RED_CROSS.split("\n")
    lines[line] = value
    text = "\n".join(lines)

    found, offset = refusal(text)

    assert found == reason
    starts = {"its text is not valid": 10, "it has more than 12 lines": None}
    at = starts.get(reason, line)
    assert at is None or offset == sum(len(one) + 1 for one in lines[:at])


def test_a_text_longer_than_the_symbol_may_hold_is_refused() -> None:
    assert refusal("BCD\n" + "x" * 400) == ("it has more than 331 bytes", 331)
    wide = replace(CODE, name="é" * 70, text="é" * 140)
    with pytest.raises(ValueError, match="331 bytes"):
        epc.build(wide)
    assert epc.build(replace(wide, charset=2)).count("é") == 210


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""}, {"iban": "DE00"}, {"version": 3}, {"charset": 0}, {"bic": "x"},
        {"amount_minor": 0}, {"amount_minor": -5}, {"amount_minor": 10**11}, {"purpose": "ABCDE"},
        {"reference": "R", "text": "t"}, {"name": "a\nb"}, {"name": "\ud800"},
        {"charset": 2, "name": "最"}, {"version": 1},
    ],
)  # fmt: skip
def test_values_that_make_no_code_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        epc.build(replace(CODE, **changes))


@pytest.mark.parametrize("minor", [1, 10, 100, 150, 99_999_999_999])
def test_amounts_are_read_back(minor: int) -> None:
    code = replace(CODE, amount_minor=minor)

    assert epc.parse(epc.build(code)) == code


LINE = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30)


@given(name=LINE.filter(bool), text=LINE, info=LINE, charset=st.integers(1, 8))
def test_what_is_built_is_read_back(name: str, text: str, info: str, charset: int) -> None:
    code = replace(CODE, name=name, text=text, info=info, charset=charset)
    try:
        built = epc.build(code)
    except ValueError:
        assert charset != 1  # UTF-8 holds everything
    else:
        assert epc.parse(built) == code


@given(st.text(max_size=400) | st.lists(st.text(max_size=20), max_size=13).map("\n".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(InvalidQr):
        epc.parse(text)
