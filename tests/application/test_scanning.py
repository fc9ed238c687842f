"""What the camera read: told apart in one place, and trusted only when the signature is valid."""

from __future__ import annotations

from uuid import UUID

import pytest

from application.errors import NotFound, Overloaded
from application.scanning import CAUSES, SessionCode, VerifiedCode, cause_of, read_payload
from domain.errors import LedgerError
from domain.qr import dynamic_url, static_code
from domain.qr.emv_code import EmvCode, Template
from domain.qr.errors import Cause, InvalidQr, InvalidSignature
from domain.sessions.errors import SessionExpired
from tests.support.memory_keys import MemoryKeys

PUBLIC = "https://pay.example"
CODE_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
KEYS = MemoryKeys("K1")
CODE = EmvCode(
    accounts={"26": Template("pay.example", {"01": "1"})}, currency="USD", country="US",
    name="Cafe", city="Springfield",
)  # fmt: skip


def address(keys: MemoryKeys = KEYS, public: str = PUBLIC) -> str:
    key = keys.current()
    return static_code.address(public, CODE_ID, key.id, key.sign)


def emv(keys: MemoryKeys = KEYS) -> str:
    key = keys.current()
    return static_code.emv(CODE, CODE_ID, key.id, key.sign)


@pytest.mark.parametrize("text", [address(), emv()], ids=["address", "EMVCo"])
def test_a_signed_code_is_verified_when_it_is_read(text: str) -> None:
    read = read_payload(text, PUBLIC, KEYS.verify)

    assert isinstance(read, VerifiedCode)
    assert read.code_id == CODE_ID


@pytest.mark.parametrize("text", [address(), emv()], ids=["address", "EMVCo"])
def test_a_code_that_was_not_verified_does_not_exist(text: str) -> None:
    forged = static_code.parse(text, PUBLIC)

    for keys, cause in ((MemoryKeys("K2"), Cause.UNKNOWN_KEY), (revoked("K1"), Cause.REVOKED_KEY)):
        with pytest.raises(InvalidSignature) as refused:
            VerifiedCode(forged, keys.verify)
        assert refused.value.facts["cause"] == cause


def revoked(key_id: str) -> MemoryKeys:
    keys = MemoryKeys(key_id)
    keys.revoke(key_id)
    return keys


@pytest.mark.parametrize("spell", [str, str.lower, str.upper, str.title, " {}\t".format])
def test_the_address_of_a_session_is_read_in_any_case(spell: object) -> None:
    text = spell(dynamic_url.build(PUBLIC, CODE_ID))  # type: ignore[operator]

    assert read_payload(text, PUBLIC, KEYS.verify) == SessionCode(CODE_ID)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (address().lower(), Cause.OTHER_ADDRESS),
        (" " + address(), Cause.OTHER_ADDRESS),
        (address() + " ", Cause.AFTER_SIGNATURE),
        (address().replace("HTTPS", "https"), Cause.OTHER_ADDRESS),
        (address().replace("/S/", "/\u017f/"), Cause.OTHER_ADDRESS),
        (address(public="https://pay.examp1e"), Cause.LOOK_ALIKE_HOST),
        (" " + emv(), Cause.NOT_A_URL),
        (emv() + "\n", Cause.UNACCEPTABLE_TEXT),
        ("000201" + "9" * 8000, Cause.TOO_LONG),
        (PUBLIC + "/s/" + "9" * 8000, Cause.TOO_LONG),
        ("", Cause.NOT_A_URL),
    ],
)
def test_a_static_code_is_read_exactly_as_it_was_printed(text: str, cause: Cause) -> None:
    with pytest.raises((InvalidQr, InvalidSignature)) as refused:
        read_payload(text, PUBLIC, KEYS.verify)

    assert refused.value.facts["cause"] == cause
    assert isinstance(refused.value.facts["offset"], int)


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        (InvalidQr(cause=Cause.CHECKSUM, reason="x", offset=1), "checksum"),
        (NotFound(thing="payment session"), "unknown-id"),
        (NotFound(thing="static code"), "unknown-id"),
        (SessionExpired(session_id="ps_1", expires_at="then"), "expired"),
        (NotFound(thing="wallet"), None),
        (Overloaded(reason="x"), None),
    ],
)
def test_each_refusal_of_a_code_has_one_cause(refusal: LedgerError, cause: str | None) -> None:
    assert cause_of(refusal) == cause


def test_the_causes_are_few_and_each_has_one_name() -> None:
    assert len(set(CAUSES)) == len(CAUSES) < 40
