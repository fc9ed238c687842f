"""Signed static codes: what is ours is read, and nothing else is trusted."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import LedgerError
from domain.qr import emv_mpm, static_code, tlv
from domain.qr.emv_code import EmvCode, Language, Template
from domain.qr.errors import InvalidQr, InvalidSignature
from domain.qr.static_code import SignatureVerdict

PUBLIC = "https://pay.example"
CODE_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def signer(key_id: str) -> Callable[[bytes], bytes]:
    """A signature of 64 bytes; the codec does not know which algorithm made it."""
    return lambda text: hmac.digest(key_id.encode(), text, "sha512")


KEYS = {key_id: signer(key_id) for key_id in ("K1", "K2")}
CODE = EmvCode(
    accounts={"26": Template("pay.example", {"01": "01H455VB4PEX5VSKNK084SN02Q"})},
    currency="USD", country="US", name="Corner Cafe", city="Springfield",
    language=Language("ZH", "街角咖啡"),
)  # fmt: skip


def verify(key_id: str, text: bytes, signature: bytes) -> SignatureVerdict:
    if key_id not in KEYS:
        return SignatureVerdict.UNKNOWN_KEY
    if not hmac.compare_digest(KEYS[key_id](text), signature):
        return SignatureVerdict.BAD_SIGNATURE
    return SignatureVerdict.VALID


ADDRESS = static_code.address(PUBLIC, CODE_ID, "K1", KEYS["K1"])
EMV = static_code.emv(CODE, CODE_ID, "K1", KEYS["K1"])
BOTH = pytest.mark.parametrize("text", [ADDRESS, EMV], ids=["address", "EMVCo"])


def checked(text: str) -> static_code.StaticCode:
    code = static_code.parse(text, PUBLIC)
    code.check(verify)
    return code


@BOTH
def test_a_signed_code_is_read(text: str) -> None:
    code = checked(text)

    assert (code.code_id, code.key_id) == (CODE_ID, "K1")


def test_the_address_fits_the_alphanumeric_mode_of_a_symbol() -> None:
    assert set(ADDRESS) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


def test_the_signed_code_is_an_emv_code_with_the_signature_before_the_checksum() -> None:
    objects = tlv.parse(EMV)

    assert [one.id for one in objects[-3:]] == ["85", "86", "63"]
    assert emv_mpm.parse(EMV).name == "Corner Cafe"
    assert len(objects[-2].value) == 98


@BOTH
@given(data=st.data())
def test_a_code_with_another_character_is_refused(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.characters(blacklist_categories=["Cs"]).filter(lambda one: one != text[at]))

    with pytest.raises(LedgerError) as refused:
        checked(text[:at] + char + text[at + 1 :])
    assert refused.value.code in {"invalid-qr", "invalid-signature"}


@pytest.mark.parametrize(
    "change", [str.lower, str.title, lambda one: one + " ", lambda one: one + "/"]
)
def test_the_address_is_read_exactly_as_it_was_signed(
    change: Callable[[str], str],
) -> None:
    with pytest.raises(LedgerError):
        checked(change(ADDRESS))


@pytest.mark.parametrize(
    ("public_url", "reason"),
    [("https://pay.example.evil.example", InvalidQr), ("https://pay.examp1e", InvalidQr)],
)
def test_an_address_of_another_host_is_refused(public_url: str, reason: type[LedgerError]) -> None:
    foreign = static_code.address(public_url, CODE_ID, "K1", KEYS["K1"])

    with pytest.raises(reason):
        checked(foreign)


@BOTH
def test_a_signature_by_another_key_is_refused(text: str) -> None:
    forged = (
        static_code.address(PUBLIC, CODE_ID, "K1", KEYS["K2"]),
        static_code.emv(CODE, CODE_ID, "K1", KEYS["K2"]),
    )

    for one in forged:
        with pytest.raises(InvalidSignature, match="not valid"):
            checked(one)
    with pytest.raises(InvalidSignature, match="not valid"):
        checked(text.replace("K1", "K2") if text is ADDRESS else changed_key())


def changed_key() -> str:
    """The EMVCo code with the other key's id and a right checksum."""
    return emv_mpm.with_checksum(EMV[:-8].replace("0202K1", "0202K2"))


def test_an_unknown_key_is_refused() -> None:
    unknown = static_code.address(PUBLIC, CODE_ID, "K3", KEYS["K1"])

    with pytest.raises(InvalidSignature):
        checked(unknown)


def test_a_tampered_code_with_a_right_checksum_is_refused() -> None:
    tampered = emv_mpm.with_checksum(EMV[:-8].replace("Corner Cafe", "Corner Thug"))

    with pytest.raises(InvalidSignature, match="signature is not valid"):
        checked(tampered)


def test_an_object_after_the_signature_is_refused() -> None:
    longer = emv_mpm.with_checksum(EMV[:-8] + tlv.write("54", "5"))

    with pytest.raises(InvalidSignature, match="follows"):
        checked(longer)


def test_an_unsigned_code_is_refused() -> None:
    at = EMV.index("8698")
    with pytest.raises(InvalidSignature, match="not signed"):
        checked(emv_mpm.with_checksum(EMV[:at]))
    for text in (ADDRESS.rpartition("/")[0], ADDRESS.rpartition("/")[0] + "/", ADDRESS[:50]):
        with pytest.raises(LedgerError):
            checked(text)


def test_a_code_of_another_system_is_not_ours() -> None:
    with pytest.raises(InvalidQr, match="another payment system"):
        checked(emv_mpm.build(CODE))


def test_a_second_text_of_the_same_signature_is_refused() -> None:
    last = ADDRESS[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    spare = alphabet[alphabet.index(last) + 1]

    with pytest.raises(InvalidSignature):
        checked(ADDRESS[:-1] + spare)


@pytest.mark.parametrize(
    "code",
    [
        replace(CODE, unreserved={"85": Template("X")}),
        replace(CODE, unreserved={"86": Template("X")}),
        replace(CODE, name=""),
        replace(CODE, reserved={f"{n}": "x" * 99 for n in range(65, 70)}),
    ],
)
def test_a_code_that_cannot_be_signed_is_refused(code: EmvCode) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        static_code.emv(code, CODE_ID, "K1", KEYS["K1"])
    with pytest.raises(ValueError, match="key id"):
        static_code.address(PUBLIC, CODE_ID, "k 1", KEYS["K1"])


@given(
    st.text(max_size=300).map(lambda text: PUBLIC.upper() + "/S/" + text) | st.text(max_size=300)
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(LedgerError):
        checked(text)
