"""Standard Webhooks: the specification's vector, an independent verifier, every bit, both sides."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook, WebhookVerificationError

from domain.merchants import standard_webhooks
from domain.merchants.standard_webhooks import BadSignature, Signer, headers, verify
from tests.support.webhook_fixture import bit_flips, signature_bytes

SECRET_TEXT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRET = base64.b64decode(SECRET_TEXT.removeprefix("whsec_"))
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1_614_265_330, UTC)
BODY = b'{"test": 2432232314}'
VECTOR = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer(SECRET, KEY.sign)


def now() -> datetime:
    """The time by which the independent verifier judges."""
    return datetime.now(UTC)


def check_ed25519(signature: bytes, content: bytes) -> bool:
    try:
        KEY.public_key().verify(signature, content)
    except InvalidSignature:
        return False
    return True


def signed(at: datetime = AT, *signers: Signer, body: bytes = BODY) -> dict[str, str]:
    return headers(signers or (SIGNER,), webhook_id=ID, at=at, body=body)


def test_the_vector_of_the_specification() -> None:
    sent = signed()

    assert sent["webhook-id"] == ID
    assert sent["webhook-timestamp"] == "1614265330"
    assert sent["webhook-signature"].split(" ")[0] == VECTOR
    assert standard_webhooks.secret_text(SECRET) == SECRET_TEXT


def test_an_independent_verifier_accepts_it() -> None:
    assert Webhook(SECRET_TEXT).verify(BODY, signed(now())) == {"test": 2432232314}


def test_an_independent_verifier_refuses_every_flipped_bit() -> None:
    sent, verifier = signed(now()), Webhook(SECRET_TEXT)
    mac = signature_bytes(sent["webhook-signature"])
    forged: list[tuple[bytes, dict[str, str]]] = [(body, sent) for body in bit_flips(BODY)]
    macs = ["v1," + base64.b64encode(raw).decode() for raw in bit_flips(mac)]
    forged += [(BODY, {**sent, "webhook-signature": one}) for one in macs]
    named = [flipped.decode("latin-1") for flipped in bit_flips(ID.encode())]
    forged += [(BODY, {**sent, "webhook-id": one}) for one in named]
    moments = [one.decode("latin-1") for one in bit_flips(sent["webhook-timestamp"].encode())]
    forged += [(BODY, {**sent, "webhook-timestamp": one}) for one in moments]

    for body, received in forged:
        with pytest.raises((WebhookVerificationError, UnicodeDecodeError)):
            verifier.verify(body, received)
        with pytest.raises(BadSignature):
            verify(received, body, secrets=[SECRET], at=now())
    assert len(forged) == 8 * sum(map(len, (BODY, mac, ID, sent["webhook-timestamp"])))


def test_the_asymmetric_signature_alone_is_enough_and_every_flipped_bit_is_refused() -> None:
    sent = signed()
    asymmetric = {**sent, "webhook-signature": sent["webhook-signature"].split(" ")[1]}

    verify(asymmetric, BODY, secrets=[], at=AT, verify_ed25519=check_ed25519)
    for body in bit_flips(BODY):
        with pytest.raises(BadSignature):
            verify(asymmetric, body, secrets=[], at=AT, verify_ed25519=check_ed25519)


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_timestamp_within_five_minutes_is_accepted(seconds: int) -> None:
    verify(signed(), BODY, secrets=[SECRET], at=AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400])
def test_a_timestamp_further_away_is_refused_on_both_sides(seconds: int) -> None:
    with pytest.raises(BadSignature, match="too far"):
        verify(signed(), BODY, secrets=[SECRET], at=AT + timedelta(seconds=seconds))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET_TEXT).verify(BODY, signed(now() + timedelta(seconds=2 * seconds)))


def test_while_two_secrets_sign_either_verifies() -> None:
    other = Signer(b"o" * 32, Ed25519PrivateKey.from_private_bytes(b"o" * 32).sign)

    sent = signed(now(), other, SIGNER)

    for signer in (SIGNER, other):
        Webhook(standard_webhooks.secret_text(signer.secret)).verify(BODY, sent)
        verify(sent, BODY, secrets=[signer.secret], at=now())


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": None},
        {"webhook-timestamp": None},
        {"webhook-signature": None},
        {"webhook-timestamp": "1614265330.0"},
        {"webhook-timestamp": " 1614265330"},
        {"webhook-timestamp": "+1614265330"},
        {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"webhook-timestamp": "9" * 4000},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": VECTOR.removeprefix("v1,")},
        {"webhook-signature": VECTOR.replace("v1", "v2")},
        {"webhook-signature": VECTOR.removesuffix("=")},
        {"webhook-signature": VECTOR + "\n"},
        {"webhook-signature": "v1, " + VECTOR[3:]},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1,a " * 20 + VECTOR},
    ],
)
def test_a_missing_or_malformed_header_is_refused(change: dict[str, Any]) -> None:
    received = {k: v for k, v in {**signed(), **change}.items() if v is not None}

    with pytest.raises(BadSignature):
        verify(received, BODY, secrets=[SECRET], at=AT)


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def record(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", record)
    verify(signed(), BODY, secrets=[SECRET], at=AT)

    assert len(compared) == 1


def test_an_id_with_a_dot_is_not_signed() -> None:
    with pytest.raises(ValueError, match="dot"):
        headers([SIGNER], webhook_id="evt.1", at=AT, body=BODY)


@pytest.mark.parametrize("length", [0, 23, 65])
def test_a_secret_has_24_to_64_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        standard_webhooks.secret_text(bytes(length))
