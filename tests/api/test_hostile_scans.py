"""Hostile texts through `POST /v1/scans`: each is refused with cause, reason and offset.

Nothing is loaded by such a text and no event is recorded, whatever it says.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

from application.commands.set_qr_settings import SetQrSettings
from domain.qr import emv_mpm, static_code, tlv
from domain.qr.crc import checksum
from domain.qr.emv_code import EmvCode, Template
from domain.qr.errors import Cause
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.memory_keys import MemoryKeys
from tests.support.static_codes import QR

PUBLIC = "http://127.0.0.1:8080"
REFUSED = {"invalid-qr", "invalid-signature"}


@pytest.fixture(scope="module")
def client() -> Iterator[MemoryClient]:
    with memory_client() as client:
        ledger = client.api.ledger
        ledger.send(SetQrSettings(merchant_id=ledger.merchant_id, settings=QR))
        yield client


@pytest.fixture(scope="module")
def code(client: MemoryClient) -> dict[str, str]:
    """The texts of a code that is paid with a fixed amount."""
    body = {
        "currency": "USD", "amount": {"minor": 700, "currency": "USD"}, "label": "Till 3",
        "formats": ["url", "emv"],
    }  # fmt: skip
    made = client.call("merchant", "POST", "/v1/static-codes", body).body
    payloads: dict[str, str] = made["payloads"]
    return payloads


def check_refused(client: MemoryClient, payload: str) -> str:
    """Scan a text, which must be refused; returns the cause, `""` if no body may hold the text."""
    before = client.head
    body = json.dumps({"payload": payload, "wallet_id": client.api.wallet_id}).encode()

    refused = client.call("wallet", "POST", "/v1/scans", body)

    assert client.head == before
    if refused.status == 400:
        assert refused.body["code"] == "invalid-request"
        assert refused.body["invalid_params"][0]["name"] == "payload"
        return ""
    assert refused.status == 422, (payload, refused.body)
    assert refused.body["code"] in REFUSED
    assert refused.body["cause"] in set(Cause)
    assert refused.body["reason"]
    assert 0 <= refused.body["offset"] <= len(payload)
    assert client.api.metrics.refused_scans[-1] == refused.body["cause"]
    return str(refused.body["cause"])


def with_checksum(text: str) -> str:
    """An EMVCo text whose checksum a forger has computed again."""
    return text[:-4] + checksum(text[:-4])


@pytest.mark.parametrize("start", ["", "000201", PUBLIC.upper() + "/S/", PUBLIC + "/q/", "0" * 40])
def test_texts_of_every_length_are_refused(client: MemoryClient, start: str) -> None:
    lengths = [*range(1, 40), *range(500, 520), 1000, 4096, 7088, 7089]
    for length in lengths:
        cause = check_refused(client, (start + "9" * length)[:length])
        assert cause, length
    assert check_refused(client, "9" * 7090) == ""
    assert check_refused(client, "") == ""


@pytest.mark.parametrize("form", ["url", "emv"])
def test_a_code_that_is_cut_anywhere_is_refused(
    client: MemoryClient, code: dict[str, str], form: str
) -> None:
    text = code[form]

    for length in range(1, len(text)):
        assert check_refused(client, text[:length])


@pytest.mark.parametrize("form", ["url", "emv"])
@pytest.mark.parametrize(
    "bad",
    ["\x00", "\n", "\x1f", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\u202e",
     "\u2066", "\u200b", "\ufeff", "\u0301", " ", "\u00a0", "%41", "+"],
)  # fmt: skip
def test_a_character_put_in_anywhere_is_refused(
    client: MemoryClient, code: dict[str, str], form: str, bad: str
) -> None:
    text = code[form]
    for at in (0, 1, 6, 20, len(text) // 2, len(text) - 5, len(text)):
        changed = text[:at] + bad + text[at:]

        check_refused(client, changed)
        if form == "emv" and at < len(text) - 8 and bad != "\ud800":
            check_refused(client, with_checksum(changed))


@pytest.mark.parametrize("form", ["url", "emv"])
@pytest.mark.parametrize("spell", ["lower", "NFKD-wide", "title", "swapcase"])
def test_another_spelling_of_the_same_code_is_refused(
    client: MemoryClient, code: dict[str, str], form: str, spell: str
) -> None:
    wide = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in code[form])
    changed = wide if spell == "NFKD-wide" else getattr(code[form], spell)()
    assert unicodedata.normalize("NFKC", wide) == code[form]

    for text in (changed, with_checksum(changed)):
        assert check_refused(client, text)


@pytest.mark.parametrize(
    ("object_id", "value"),
    [
        ("54", "7.005"), ("54", "+7.00"), ("54", "-7.00"), ("54", " 7.00"), ("54", "7,00"),
        ("54", "７.００"), ("54", "٧.٠٠"), ("54", "7e0"), ("54", "0"), ("54", "7."),
        ("54", ".7"), ("54", "99999999999999"), ("54", "NaN"), ("53", "999"), ("53", "XXX"),
        ("53", "８４０"), ("53", "191"), ("52", "58a2"), ("58", "U1"), ("59", "N" * 26),
        ("60", "\u202ecity"), ("62", "0799x"), ("62", "07040704"), ("64", "0002ZH"),
        ("85", "0004QRLI0199"), ("85", tlv.write("00", tlv.write("00", tlv.write("00", "QRLI")))),
        ("86", "0004QRLS"), ("86", "0004QRLS0186" + "A" * 86),
    ],
)  # fmt: skip
def test_an_object_changed_and_the_checksum_computed_again_is_refused(
    client: MemoryClient, code: dict[str, str], object_id: str, value: str
) -> None:
    objects = {one.id: one.value for one in tlv.parse(code["emv"])}
    objects[object_id] = value
    body = "".join(f"{one}{len(text):02}{text}" for one, text in objects.items() if one != "63")

    assert check_refused(client, emv_mpm.with_checksum(body))


def test_templates_nested_too_deep_are_refused(client: MemoryClient) -> None:
    value = "x"
    for _ in range(40):
        value = f"00{min(len(value), 99):02}{value}"
        assert check_refused(client, emv_mpm.with_checksum(f"00020126{len(value):02}{value}"))


def test_objects_in_another_order_and_after_the_signature_are_refused(
    client: MemoryClient, code: dict[str, str]
) -> None:
    objects = tlv.parse(code["emv"])
    seed = random.Random(13)
    for _ in range(50):
        middle = objects[1:-1]
        while middle == objects[1:-1]:
            seed.shuffle(middle)
        body = "000201" + "".join(tlv.write(one.id, one.value) for one in middle)
        cause = check_refused(client, emv_mpm.with_checksum(body))
        assert cause in {"bad-signature", "after-signature"}
    after = code["emv"][:-8] + tlv.write("87", tlv.write("00", "x"))
    assert check_refused(client, emv_mpm.with_checksum(after)) == "after-signature"


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:8080{}", "http://127.0.0.1:8081{}", "http://127.0.0.1{}",
        "http://127.0.0.1:8080.evil.example{}", "http://127.0.0.1:8080@evil.example{}",
        "http://user@127.0.0.1:8080{}", "http://user:pw@127.0.0.1:8080{}",
        "http://127.0.0.1:8080:80{}", "http://127.0.0.1:08080{}", "http://127.0.0.1.:8080{}",
        "http://2130706433:8080{}", "http://0x7f.1:8080{}", "http://127.1:8080{}",
        "http://１２７.0.0.1:8080{}", "http://evil.example/http://127.0.0.1:8080{}",
        "http:127.0.0.1:8080{}", "//127.0.0.1:8080{}", "http:\\\\127.0.0.1:8080{}",
        "http://127.0.0.1:8080\\@evil.example{}", "javascript:http://127.0.0.1:8080{}",
        "upi://pay?pa=a@b&x={}", "bitcoin:1BoatSLRHtKNngkdXEeobR76b53LETtpyT?{}",
        "http://127.0.0.1:8080/x{}", "http://127.0.0.1:8080//{}", "http://127.0.0.1:8080/.{}",
        "http://127.0.0.1:8080{}?a=1", "http://127.0.0.1:8080{}#a", "http://127.0.0.1:8080{}/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["q", "s"])
def test_addresses_that_are_not_exactly_ours_are_refused(
    client: MemoryClient, code: dict[str, str], address: str, path: str
) -> None:
    session = f"/q/{client.api.session_id[3:]}"
    ours = session if path == "q" else code["url"].removeprefix(PUBLIC.upper())

    for text in (address.format(ours), address.upper().format(ours), address.format(ours.lower())):
        assert check_refused(client, text), text


def test_a_code_signed_by_anybody_else_is_refused(client: MemoryClient) -> None:
    code_id = client.api.ledger.new_id()
    forged = EmvCode(
        accounts={"26": Template("pay.example", {"01": "1"})}, currency="USD", country="US",
        name="Cafe", city="X",
    )  # fmt: skip
    for key_id, cause in (("K1", "bad-signature"), ("K9", "unknown-key")):
        signer = MemoryKeys("THIEF").current().sign
        for text in (
            static_code.address(PUBLIC, code_id, key_id, signer),
            static_code.emv(forged, code_id, key_id, signer),
        ):
            assert check_refused(client, text) == cause


@pytest.mark.parametrize("value", [None, 5, True, [], {}, ["x"]])
def test_a_payload_that_is_no_text_is_refused_by_name(client: MemoryClient, value: Any) -> None:
    body = {"payload": value, "wallet_id": client.api.wallet_id}

    refused = client.call("wallet", "POST", "/v1/scans", body)

    assert (refused.status, refused.body["invalid_params"][0]["name"]) == (400, "payload")
