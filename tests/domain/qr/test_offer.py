"""Signed offers: their bytes are fixed, and complete."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.money.money import Money
from domain.qr import offer
from domain.qr.offer import Offer

OFFER = Offer(
    issuer="https://pay.example",
    session_id="ps_01h455vb4pex5vsknk084sn02q",
    payee_id="mer_01h455vb4pex5vsknk084sn02q",
    payee_name="Café 街",
    amount=Money(12_345, "USD"),
    description="2 coffees",
    status="created",
    expires_at=datetime(2026, 11, 22, 10, 15, tzinfo=UTC),
    served_at=datetime(2026, 11, 22, 10, 0, 0, 1, tzinfo=UTC),
    revision=1,
)


def no_signature(_text: bytes) -> bytes:
    return b"\xff" * 64


def part(text: str, index: int) -> str:
    encoded = text.split(".")[index]
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


def test_the_offer_is_these_bytes() -> None:
    text = offer.sign(OFFER, "K1", no_signature)

    assert part(text, 0) == '{"alg":"Ed25519","kid":"K1","typ":"qrledger-offer+jws"}'
    assert part(text, 1) == (
        '{"iss":"https://pay.example","session_id":"ps_01h455vb4pex5vsknk084sn02q",'
        '"payee":{"id":"mer_01h455vb4pex5vsknk084sn02q","name":"Caf\\u00e9 \\u8857"},'
        '"amount":{"minor":12345,"currency":"USD","exponent":2},"description":"2 coffees",'
        '"status":"created","expires_at":"2026-11-22T10:15:00.000000Z",'
        '"served_at":"2026-11-22T10:00:00.000001Z","revision":1}'
    )
    assert text.split(".")[2] == "_" * 85 + "w"


def test_what_is_signed_is_what_is_sent() -> None:
    signed: list[bytes] = []

    def sign(text: bytes) -> bytes:
        signed.append(text)
        return bytes(64)

    text = offer.sign(OFFER, "K1", sign)

    assert signed == [text.rpartition(".")[0].encode()]
    assert text.isascii()
    assert "=" not in text


def test_every_value_of_the_offer_is_signed() -> None:
    others: dict[str, Any] = {
        "issuer": "x", "session_id": "x", "payee_id": "x", "payee_name": "x",
        "amount": Money(1, "JPY"), "description": "x", "status": "paid",
        "expires_at": OFFER.expires_at + timedelta(microseconds=1),
        "served_at": OFFER.served_at + timedelta(microseconds=1), "revision": 2,
    }  # fmt: skip
    assert others.keys() == {field.name for field in fields(Offer)}

    texts = {
        offer.sign(replace(OFFER, **{name: value}), "K1", no_signature)
        for name, value in others.items()
    }

    assert len(texts | {offer.sign(OFFER, "K1", no_signature)}) == len(others) + 1


def test_an_offer_cannot_be_taken_for_a_static_code() -> None:
    assert offer.sign(OFFER, "K1", no_signature).startswith("eyJ")


@given(st.text(max_size=200))
def test_any_text_is_carried_unchanged(text: str) -> None:
    signed = offer.sign(replace(OFFER, description=text), "K1", no_signature)

    assert json.loads(part(signed, 1))["description"] == text
