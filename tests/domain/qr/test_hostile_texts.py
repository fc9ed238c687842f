"""Properties of every format: any length, any character, any number, any depth; text as it was made."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money.currencies import CURRENCIES
from domain.qr import dynamic_url, emv_mpm, epc, paynow, pix, promptpay, static_code, tlv
from domain.qr.emv_code import EmvCode, Language, Template
from domain.qr.epc import EpcCode
from domain.qr.errors import Cause, InvalidQr, InvalidSignature
from domain.qr.paynow import PayNowCode
from domain.qr.static_code import SignatureVerdict

PUBLIC = "https://pay.example"
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
CODE = EmvCode(
    accounts={"26": Template("example.pay", {"01": "x"})}, currency="USD", country="US",
    name="Cafe", city="City",
)  # fmt: skip


def sign(text: bytes) -> bytes:
    return hmac.digest(b"k", text, "sha512")


def verify(_key_id: str, text: bytes, signature: bytes) -> SignatureVerdict:
    same = hmac.compare_digest(sign(text), signature)
    return SignatureVerdict.VALID if same else SignatureVerdict.BAD_SIGNATURE


def read_static(text: str) -> None:
    static_code.parse(text, PUBLIC).check(verify)


READERS: dict[str, Callable[[str], object]] = {
    "dynamic_url": lambda text: dynamic_url.parse(text, PUBLIC),
    "static_code": read_static,
    "emv_mpm": emv_mpm.parse,
    "pix": pix.parse,
    "promptpay": promptpay.parse,
    "paynow": paynow.parse,
    "epc": epc.parse,
}
TEXTS: dict[str, list[str]] = {
    "dynamic_url": [dynamic_url.build(PUBLIC, ID)],
    "static_code": [
        static_code.address(PUBLIC, ID, "K1", sign), static_code.emv(CODE, ID, "K1", sign),
    ],
    "emv_mpm": [emv_mpm.build(CODE)],
    "pix": [pix.build(pix.PixCode(key="k", name="n", city="c", amount_minor=5))],
    "promptpay": [
        promptpay.build(
            promptpay.PromptPayCode(kind=promptpay.ProxyKind.MOBILE, proxy="0066801234567")
        )
    ],
    "paynow": [
        paynow.build(PayNowCode(kind=paynow.ProxyKind.MOBILE, proxy="+6591234567", name="Ann"))
    ],
    "epc": [epc.build(EpcCode(name="Ann", iban="BE72000000001616", amount_minor=150))],
}  # fmt: skip
EACH = pytest.mark.parametrize("name", READERS)
EACH_TEXT = pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts]
)


def refused(name: str, text: str) -> dict[str, object]:
    """The facts of the refusal, which are always the three."""
    with pytest.raises((InvalidQr, InvalidSignature)) as found:
        READERS[name](text)
    facts = found.value.facts
    assert facts.keys() == {"cause", "reason", "offset"}
    assert isinstance(facts["cause"], Cause)
    assert isinstance(facts["offset"], int)
    assert 0 <= facts["offset"] <= len(text)
    assert str(facts["reason"]).isprintable()
    return dict(facts)


def sealed(objects: str) -> str:
    return emv_mpm.with_checksum("000201" + objects)


@EACH
def test_a_payload_of_any_length_is_refused_and_past_the_limit_as_too_long(name: str) -> None:
    limit = epc.CODE_BYTES_MAX if name == "epc" else emv_mpm.CODE_CHARS_MAX
    for begin in ("", "000201", "BCD\n002\n1\nSCT\n", f"{PUBLIC}/q/", f"{PUBLIC.upper()}/S/"):
        for char in ("0", "é", "街", "😀"):
            for length in (*range(limit - 2, limit + 3), 2 * limit, 70_000):
                facts = refused(name, begin.ljust(length, char))

                too_long = (Cause.TOO_LONG, limit)
                assert ((facts["cause"], facts["offset"]) == too_long) == (length > limit)


@EACH_TEXT
def test_a_text_that_is_cut_off_anywhere_is_refused(name: str, text: str) -> None:
    for end in range(text.index("\nEUR") if name == "epc" else len(text)):
        refused(name, text[:end])


BROKEN = ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\udc00", "\udfff"]


@EACH_TEXT
@pytest.mark.parametrize("char", BROKEN)
def test_control_characters_and_lone_surrogates_are_refused_with_their_place(
    name: str, text: str, char: str
) -> None:
    for at in range(len(text) + 1):
        facts = refused(name, text[:at] + char + text[at:])

        if name != "epc":  # whose lines are named
            assert (facts["cause"], facts["offset"]) == (Cause.UNACCEPTABLE_TEXT, at)


OTHER_DIGITS = st.sampled_from([*"٠١٢٣۴௫๖７８９", "²", "①", "½", "Ⅷ", "𝟘"])


@EACH_TEXT
@given(data=st.data())
def test_a_digit_of_another_script_is_never_read_as_a_digit(
    name: str, text: str, data: st.DataObject
) -> None:
    places = [at for at, char in enumerate(text) if char.isdigit()]
    at = data.draw(st.sampled_from(places))
    other = text[:at] + data.draw(OTHER_DIGITS) + text[at + 1 :]

    refused(name, other)
    if text.startswith("000201") and at < len(text) - 8:
        refused(name, emv_mpm.with_checksum(other[:-8]))


@EACH_TEXT
@pytest.mark.parametrize(
    "char", ["\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\U000e0041"]
)
def test_characters_that_nobody_sees_do_not_pass(name: str, text: str, char: str) -> None:
    places = range(len(text)) if name != "epc" else range(text.index("\nAnn"))
    for at in places:
        refused(name, text[:at] + char + text[at + len(char) :])


NUMBERS = ["", "+1", "-1", " 1", "1 ", "1_0", "1,5", "1.", ".5", "1..5", "1.5.5", "0x1", "1e3", "NaN", "Infinity",
           "0", "0.00", "1.234", "1.2345", "12345678901234", "١", "１", "1\u00a0", "−1", "1½"]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_is_no_plain_amount_is_refused(number: str) -> None:
    at = len("000201" + "26150011example.pay")
    rest = "5204000053038405802US5904Cafe6004City"
    text = sealed(f"26150011example.pay54{len(number):02}{number}{rest}")

    facts = refused("emv_mpm", text)

    assert (facts["cause"], facts["offset"]) == (Cause.INVALID_OBJECT, at + tlv.HEAD_CHARS)
    for prefix in ("EUR", ""):
        lines = ["BCD", "002", "1", "SCT", "", "Ann", "BE72000000001616", prefix + number]
        if prefix + number:
            facts = refused("epc", "\n".join(lines))
            assert (facts["cause"], facts["offset"]) == (
                Cause.INVALID_OBJECT, len("\n".join(lines[:-1])) + 1,
            )  # fmt: skip


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(0, 6))
def test_an_amount_has_at_most_the_decimals_of_its_currency(currency: str, decimals: int) -> None:
    known = CURRENCIES[currency]
    number = "7." + "1" * decimals if decimals else "7"
    text = sealed(
        f"26150011example.pay520400005303{known.numeric}54{len(number):02}{number}"
        "5802US5904Cafe6004City"
    )
    valid = {one.numeric: one for one in CURRENCIES.values() if not one.withdrawn}

    if known.numeric in valid and decimals <= valid[known.numeric].exponent:
        code = emv_mpm.parse(text)
        assert code.currency == valid[known.numeric].code
        assert emv_mpm.parse(emv_mpm.build(code)) == code
    else:
        assert refused("emv_mpm", text)["cause"] is Cause.INVALID_OBJECT


@given(st.integers(0, 999).map("{:03}".format) | st.text(min_size=3, max_size=3))
def test_a_currency_that_iso_does_not_know_is_refused(numeric: str) -> None:
    text = f"26150011example.pay520400005303{numeric}5802US5904Cafe6004City"
    known = {one.numeric for one in CURRENCIES.values() if not one.withdrawn}

    try:
        code = emv_mpm.parse(sealed(text))
    except UnicodeEncodeError:
        refused("emv_mpm", f"000201{text}6304ABCD")  # lone surrogates have no checksum
    except InvalidQr:
        assert numeric not in known
    else:
        assert CURRENCIES[code.currency].numeric == numeric


@given(st.integers(0, 40), st.sampled_from(["26", "62", "64", "80"]))
def test_templates_are_read_to_one_depth_whatever_is_in_them(depth: int, object_id: str) -> None:
    value = "x"
    for _ in range(depth):
        if len(value) > tlv.VALUE_CHARS_MAX - tlv.HEAD_CHARS:
            break
        value = tlv.write(object_id, value)
    text = f"26150011example.pay5204000053038405802US5904Cafe6004City{tlv.write(object_id, value)}"

    try:
        code = emv_mpm.parse(sealed(text))
    except InvalidQr as found:
        causes = {Cause.INVALID_OBJECT, Cause.UNREADABLE, Cause.REPEATED_OBJECT}
        assert found.facts["cause"] in causes  # noqa: PT017 - both ends are right
    else:  # a payment system's own template, which is kept as text
        assert code.additional == {"62": tlv.parse(value)[0].value}


WIDE = st.text(st.sampled_from("aé街😀\u0301"), min_size=1, max_size=15)


@given(name=WIDE, city=WIDE, value=WIDE)
def test_lengths_count_characters_of_one_to_four_bytes(name: str, city: str, value: str) -> None:
    code = replace(
        CODE, language=Language("ZH", name, city), additional={"50": value}, reserved={"65": value}
    )

    text = emv_mpm.build(code)

    assert f"01{len(name):02}{name}02{len(city):02}{city}" in text
    assert emv_mpm.parse(text) == code


@given(name=st.text(st.sampled_from("aé街😀"), min_size=1, max_size=70), info=WIDE)
def test_a_sepa_code_counts_bytes_of_its_character_set(name: str, info: str) -> None:
    code = EpcCode(name=name, iban="BE72000000001616", info=info)
    size = len(f"BCD\n002\n1\nSCT\n\n{name}\nBE72000000001616\n\n\n\n\n{info}".encode())

    if size <= epc.CODE_BYTES_MAX:
        assert epc.parse(epc.build(code)) == code
    else:
        with pytest.raises(ValueError, match="331 bytes"):
            epc.build(code)
        lines = ["BCD", "002", "1", "SCT", "", name, "BE72000000001616", "", "", "", "", info]
        assert refused("epc", "\n".join(lines))["cause"] is Cause.TOO_LONG


FORMS: st.SearchStrategy[Literal["NFC", "NFD", "NFKC", "NFKD"]] = st.sampled_from(
    ["NFC", "NFD", "NFKC", "NFKD"]
)


@given(st.text(st.sampled_from("eéñÅ\u212bｅ\u0301\u0303ﬁ각"), min_size=1, max_size=20), FORMS)
def test_text_is_signed_and_checked_as_it_is_in_whatever_form(
    name: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"]
) -> None:
    code = replace(CODE, language=Language("ZH", name))
    text = static_code.emv(code, ID, "K1", sign)
    other_name = unicodedata.normalize(form, name)

    assert emv_mpm.parse(text).language == Language("ZH", name)
    read_static(text)

    if other_name != name and len(other_name) <= 25:
        inner = "0002ZH" + tlv.write("01", name)
        changed = "0002ZH" + tlv.write("01", other_name)
        swapped = text[:-8].replace(tlv.write("64", inner), tlv.write("64", changed))
        facts = refused("static_code", emv_mpm.with_checksum(swapped))
        assert facts["cause"] is Cause.BAD_SIGNATURE


@pytest.mark.parametrize("odd", ["k1", "K 1", "K\u0661", "\u212a1", "街", "A" * 17, "K1/", "'; --"])
def test_a_key_that_cannot_be_one_of_ours_is_unknown(odd: str) -> None:
    text = static_code.emv(CODE, ID, "K1", sign)
    names = tlv.write("00", "QRLI") + tlv.write("01", text[text.index("QRLI") + 8 :][:26])
    before = tlv.write("85", names + tlv.write("02", "K1"))
    assert before in text

    after = tlv.write("85", names + tlv.write("02", odd))
    facts = refused("static_code", emv_mpm.with_checksum(text[:-8].replace(before, after)))

    assert facts["cause"] is Cause.UNKNOWN_KEY


def test_a_pix_transaction_id_has_letters_and_digits_only() -> None:
    text = TEXTS["pix"][0]
    for txid in ("a b", "a-b", "é", "**", "****", "x" * 26):
        field = tlv.write("62", tlv.write("05", txid))
        other = emv_mpm.with_checksum(text[:-8].replace("62070503***", field))

        facts = refused("pix", other)
        assert (facts["cause"], text[int(str(facts["offset"])) :][:2]) in {
            (Cause.INVALID_OBJECT, "62"), (Cause.INVALID_OBJECT, "**"),
        }  # fmt: skip


@given(st.dates())
def test_a_paynow_code_holds_any_day(day: date) -> None:
    code = PayNowCode(kind=paynow.ProxyKind.MOBILE, proxy="+6591234567", name="Ann", expires_on=day)

    assert paynow.parse(paynow.build(code)) == code


@pytest.mark.parametrize(
    "proxy",
    ["+٠591234567", "6591234567", "+65 91234567", "+6591234567é", "+", "+1", "", "+" + "1" * 16],
)
def test_a_paynow_mobile_number_has_a_plus_and_ascii_digits(proxy: str) -> None:
    with pytest.raises(ValueError, match="payee"):
        paynow.build(PayNowCode(kind=paynow.ProxyKind.MOBILE, proxy=proxy, name="Ann"))
    before, after = (tlv.write("02", one) for one in ("+6591234567", proxy or "x"))
    account = "0009SG.PAYNOW010100211+6591234567030" + "11"
    text = TEXTS["paynow"][0][:-8]
    assert tlv.write("26", account) in text

    changed = text.replace(
        tlv.write("26", account), tlv.write("26", account.replace(before, after))
    )
    facts = refused("paynow", emv_mpm.with_checksum(changed))

    assert (facts["cause"], changed[int(str(facts["offset"])) :][:2]) == (
        Cause.INVALID_OBJECT,
        "26",
    )


@pytest.mark.parametrize("key", ["chave@exämple", "a b", "+55 61", "١٢٣", "k\u202e"])
def test_a_pix_key_and_address_are_plain_ascii(key: str) -> None:
    text = TEXTS["pix"][0][:-8]
    for object_id in ("01", "25"):
        account = tlv.write("00", pix.GUID) + tlv.write(object_id, key)
        changed = text.replace("26230014br.gov.bcb.pix0101k", tlv.write("26", account))
        assert changed != text

        assert refused("pix", emv_mpm.with_checksum(changed))["cause"] is Cause.INVALID_OBJECT
    valid = pix.PixCode(key="k", name="n", city="c")
    for code in (replace(valid, key=key), replace(valid, recurrence_url=key),
                 replace(valid, key="", url=key)):  # fmt: skip
        with pytest.raises(ValueError, match="ASCII"):
            pix.build(code)


@pytest.mark.parametrize("object_id", [f"{one:02}" for one in range(1, 12)])
def test_additional_data_of_the_specification_is_ascii(object_id: str) -> None:
    value = tlv.write(object_id, "é")

    facts = refused(
        "emv_mpm",
        sealed(f"26150011example.pay5204000053038405802US5904Cafe6004City62{len(value):02}{value}"),
    )

    assert facts["cause"] is Cause.INVALID_OBJECT
