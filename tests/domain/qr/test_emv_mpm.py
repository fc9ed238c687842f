"""EMVCo merchant-presented codes: published vectors, round trips, and everything that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.qr import emv_mpm, tlv
from domain.qr.crc import checksum
from domain.qr.emv_code import (
    PLAIN,
    EmvCode,
    Initiation,
    Language,
    Profile,
    Template,
    Tip,
    TipKind,
)
from domain.qr.errors import InvalidQr

SAMPLE = (
    "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN"
    "5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.72530315655020162330304123"
    "40603***0708A60086670902ME91320016A0112233449988770708123456786304A13A"
)
"""EMVCo MPM 1.1, annex: the specification's own sample."""
CODE = EmvCode(
    accounts={"26": Template("example.pay", {"01": "42"})},
    currency="USD",
    country="US",
    name="Corner Cafe",
    city="Springfield",
)


def sealed(text: str) -> str:
    """A text with its checksum."""
    return text + "6304" + checksum(text + "6304")


def refusal(text: str, profile: Profile = PLAIN) -> tuple[object, object]:
    with pytest.raises(InvalidQr) as refused:
        emv_mpm.parse(text, profile)
    return refused.value.facts["reason"], refused.value.facts["offset"]


def test_the_sample_of_the_specification_is_read() -> None:
    code = emv_mpm.parse(SAMPLE)

    assert code == EmvCode(
        accounts={
            "29": Template("D15600000000", {"05": "A93FO3230Q"}),
            "31": Template("D15600000001", {"03": "12345678"}),
        },
        currency="CNY",
        country="CN",
        name="BEST TRANSPORT",
        city="BEIJING",
        category="4111",
        initiation=Initiation.DYNAMIC,
        amount_minor=2372,
        tip=Tip(TipKind.PROMPT),
        additional={"03": "1234", "06": "***", "07": "A6008667", "09": "ME"},
        language=Language("ZH", "最佳运输", "北京"),
        unreserved={"91": Template("A011223344998877", {"07": "12345678"})},
    )


def test_the_sample_of_the_specification_is_written_as_it_was_read() -> None:
    assert emv_mpm.build(emv_mpm.parse(SAMPLE)) == SAMPLE


@pytest.mark.parametrize(("text", "digits"), [("123456789", "29B1"), ("a", "9D77"), ("", "FFFF")])
def test_checksums_are_those_of_ccitt_false_over_utf8(text: str, digits: str) -> None:
    assert checksum(text) == digits


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=20))
def test_checksums_are_those_of_the_definition(text: str) -> None:
    crc = 0xFFFF
    for byte in text.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1

    assert checksum(text) == f"{crc:04X}"


def test_lengths_count_characters_whatever_their_bytes() -> None:
    for char in "aé最😀":
        language = Language("ZH", char * 25, char * 15)

        text = emv_mpm.build(EmvCode(**{**as_fields(CODE), "language": language}))

        assert f"0125{char * 25}" in text
        assert emv_mpm.parse(text).language == language


@pytest.mark.parametrize(
    ("text", "reason", "offset"),
    [
        ("", "it does not begin with 000201", 0),
        (SAMPLE[:-4] + "0000", "its checksum is wrong", len(SAMPLE) - 4),
        (SAMPLE[:-4] + "a13a", "its checksum is wrong", len(SAMPLE) - 4),
        (SAMPLE[4:], "object 01 is cut off", None),
        (SAMPLE[6:], "it does not begin with 000201", 0),
        (SAMPLE[:-8], "it does not end with a checksum", len(SAMPLE) - 44),
        (SAMPLE + "0", "an object's length is not two digits", None),
        (sealed(SAMPLE), "object 63 is repeated", len(SAMPLE)),
        ("000201", "it does not end with a checksum", 0),
        (sealed("000201"), "object 52 is missing", 6),
        ("00020163040", "object 63 is cut off", 6),
        ("0002010²02", "an object's id is not two digits", 6),
        ("000201+102", "an object's id is not two digits", 6),
        ("00020101 2", "an object's length is not two digits", 8),
        ("0002010١02", "an object's id is not two digits", 6),
        ("\x00" + SAMPLE, "it contains control characters", 0),
        (SAMPLE[:30] + "\ud800" + SAMPLE[31:], "it contains control characters", 30),
        (SAMPLE * 3, "it has more than 512 characters", 512),
    ],
)
def test_a_broken_code_is_refused_with_the_place(
    text: str, reason: str, offset: int | None
) -> None:
    found = refusal(text)

    assert offset is None or found == (reason, offset)


BODY = "5204000053038405802US5904Cafe6004City"
ACCOUNT = "26150011example.pay"


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        (BODY, "it names no account"),
        (ACCOUNT + BODY + BODY, "object 52 is repeated"),
        ("2602XX" + BODY, "an object's id is not two digits"),
        ("26050101a" + BODY, "template 26 does not begin with its identifier"),
        ("2600" + BODY, "object 26 is not valid"),
        ("260400004" + BODY, None),
        ("0204é123" + BODY, "object 02 is not valid"),
        (ACCOUNT + BODY.replace("840", "999"), "its currency is unknown"),
        (ACCOUNT + BODY.replace("840", "191"), "its currency is unknown"),
        (ACCOUNT + BODY.replace("840", "84a"), "its currency is unknown"),
        (ACCOUNT + BODY.replace("5204", "5203").replace("0000", "000"), "object 52 is not valid"),
        (ACCOUNT + BODY.replace("US", "U1"), "object 58 is not valid"),
        (ACCOUNT + BODY.replace("04Cafe", "04Café"), "object 59 is not valid"),
        (ACCOUNT + BODY.replace("04Cafe", f"26{'x' * 26}"), "object 59 is not valid"),
        (ACCOUNT + BODY.replace("04City", f"16{'x' * 16}"), "object 60 is not valid"),
        (ACCOUNT + BODY + "010213", "object 01 is not valid"),
        (ACCOUNT + BODY + "54051.234", "object 54 is not valid"),
        (ACCOUNT + BODY + "5402-1", "object 54 is not valid"),
        (ACCOUNT + BODY + "5402+1", "object 54 is not valid"),
        (ACCOUNT + BODY + "5402 1", "object 54 is not valid"),
        (ACCOUNT + BODY + "54021,", "object 54 is not valid"),
        (ACCOUNT + BODY + "54031e3", "object 54 is not valid"),
        (ACCOUNT + BODY + "54011", None),
        (ACCOUNT + BODY + "54040.00", "object 54 is not valid"),
        (ACCOUNT + BODY + "5402١٢", "object 54 is not valid"),
        (ACCOUNT + BODY + "54139999999999999", "object 54 is not valid"),
        (ACCOUNT + BODY + "5400", "object 54 is not valid"),
        (ACCOUNT + BODY + "550204", "object 55 is not valid"),
        (ACCOUNT + BODY + "550202", "object 55 is not valid"),
        (ACCOUNT + BODY + "5502015603100", "object 55 is not valid"),
        (ACCOUNT + BODY + "5603100", "object 56 is not valid"),
        (ACCOUNT + BODY + "5703100", "object 57 is not valid"),
        (ACCOUNT + BODY + "62050102x", "object 01 is cut off"),
        (ACCOUNT + BODY + "62051201a", "object 12 is not valid"),
        (ACCOUNT + BODY + "62050901B", "object 09 is not valid"),
        (ACCOUNT + BODY + "6200", "object 62 is not valid"),
        (ACCOUNT + BODY + "64060002ZH", "object 64 is not valid"),
        (ACCOUNT + BODY + "64110002Z10101a", "object 00 is not valid"),
        (ACCOUNT + BODY + "64160002ZH0101a0301b", "object 64 is not valid"),
        (ACCOUNT + BODY + "6500", "object 65 is not valid"),
        (ACCOUNT + BODY + "80050101a", "template 80 does not begin with its identifier"),
    ],
)
def test_a_wrong_object_is_refused_by_name(objects: str, reason: str | None) -> None:
    text = sealed("000201" + objects)

    if reason is None:
        emv_mpm_or_refusal(text)
    else:
        found, offset = refusal(text)
        assert found == reason
        assert isinstance(offset, int)
        assert 0 <= offset <= len(text)


def emv_mpm_or_refusal(text: str) -> EmvCode | InvalidQr:
    try:
        return emv_mpm.parse(text)
    except InvalidQr as refused:
        return refused


@pytest.mark.parametrize(
    ("currency", "minor", "text"),
    [
        ("USD", 5, "54040.05"),
        ("JPY", 5, "54015"),
        ("KWD", 1500, "54051.500"),
        ("CLF", 1, "54060.0001"),
    ],
)
def test_amounts_are_written_with_the_decimals_of_their_currency(
    currency: str, minor: int, text: str
) -> None:
    code = EmvCode(**{**as_fields(CODE), "currency": currency, "amount_minor": minor})

    built = emv_mpm.build(code)

    assert text in built
    assert emv_mpm.parse(built).amount_minor == minor


@pytest.mark.parametrize(
    "changes",
    [
        {"accounts": {}}, {"currency": "XXX"}, {"currency": "ANG"}, {"country": "USA"},
        {"name": ""}, {"name": "x" * 26}, {"name": "é"}, {"city": ""}, {"category": ""},
        {"amount_minor": 0}, {"amount_minor": -1}, {"amount_minor": 10**12},
        {"additional": {"12": "x"}}, {"additional": {"05": "x" * 26}},
        {"accounts": {"26": Template("", {"01": "a"})}},
        {"accounts": {"26": Template("g" * 33)}}, {"accounts": {"64": "x"}},
        {"accounts": {"02": "x" * 100}}, {"accounts": {"2": "x"}},
        {"reserved": {"63": "ABCD"}}, {"unreserved": {"80": Template("x", {"01": "y" * 99})}},
        {"tip": Tip(TipKind.FIXED)}, {"tip": Tip(TipKind.PERCENT, "100.5")},
        {"postal_code": "x" * 11}, {"language": Language("ZHO", "x")},
        {"reserved": {f"{n}": "x" * 99 for n in range(65, 72)}},
    ],
)  # fmt: skip
def test_values_that_make_no_code_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        emv_mpm.build(EmvCode(**{**as_fields(CODE), **changes}))


def as_fields(code: EmvCode) -> dict[str, Any]:
    return {name: getattr(code, name) for name in code.__slots__}


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=15)
ANY = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=15)
TEMPLATES = st.builds(
    Template,
    ASCII,
    st.dictionaries(st.integers(1, 9).map("{:02}".format), ASCII, max_size=2),
)
CODES = st.builds(
    EmvCode,
    accounts=st.dictionaries(st.integers(26, 51).map(str), TEMPLATES, min_size=1, max_size=2),
    currency=st.sampled_from(["USD", "JPY", "KWD", "CLF", "BRL"]),
    country=st.sampled_from(["US", "BR", "TH"]),
    name=ASCII,
    city=ASCII,
    category=st.integers(0, 9999).map("{:04}".format),
    initiation=st.none() | st.sampled_from(Initiation),
    amount_minor=st.none() | st.integers(1, 10**8),
    tip=st.sampled_from(
        [None, Tip(TipKind.PROMPT), Tip(TipKind.FIXED, "1.5"), Tip(TipKind.PERCENT, "5")]
    ),
    additional=st.dictionaries(st.sampled_from(["01", "05", "07", "50"]), ASCII, max_size=2),
    language=st.none() | st.builds(Language, st.just("ZH"), ANY, st.just("") | ANY),
    unreserved=st.dictionaries(st.integers(80, 99).map(str), TEMPLATES, max_size=1),
)


@given(CODES)
def test_what_is_built_is_read_back(code: EmvCode) -> None:
    text = emv_mpm.build(code)

    again = emv_mpm.parse(text)
    assert again == code
    assert emv_mpm.build(again) == text


@given(
    st.text(max_size=600)
    | st.text("0123456789ABCé", max_size=80).map(lambda t: sealed("000201" + t))
)
def test_any_text_is_read_or_refused(text: str) -> None:
    result = emv_mpm_or_refusal(text)

    if isinstance(result, EmvCode):
        assert emv_mpm.parse(emv_mpm.build(result)) == result


@given(st.data())
def test_a_changed_character_is_never_read_as_the_same_code(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SAMPLE) - 1))
    char = data.draw(
        st.characters(min_codepoint=33, max_codepoint=126).filter(lambda c: c != SAMPLE[at])
    )

    result = emv_mpm_or_refusal(SAMPLE[:at] + char + SAMPLE[at + 1 :])

    assert isinstance(result, InvalidQr)


@pytest.mark.parametrize(
    ("object_id", "value"), [("1", "x"), ("123", "x"), ("0²", "x"), ("01", ""), ("01", "x" * 100)]
)
def test_an_object_that_cannot_be_written_is_refused(object_id: str, value: str) -> None:
    with pytest.raises(ValueError, match="cannot have a value"):
        tlv.write(object_id, value)
