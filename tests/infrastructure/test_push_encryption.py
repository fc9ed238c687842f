"""Web push messages: the example of RFC 8291, an independent reader, and this server's own keys."""

from __future__ import annotations

import os
from pathlib import Path

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from application.errors import SigningUnavailable
from domain.base64url import from_base64url, to_base64url
from infrastructure import home_keys
from infrastructure.push.encryption import PLAIN_BYTES_MAX, TooLong, encrypt, point
from infrastructure.push.keys import FILE, NotSealedHere, PushKeys, read_file
from infrastructure.push.vapid import LIFETIME, PERIOD_SECONDS, Vapid
from tests.support.memory_push import KEYS, Browser
from tests.support.webhook_fixture import WALL_CLOCK

ENDPOINT = "https://push.example:8443/send/abc?x=1"


def test_the_example_of_rfc_8291_is_met_to_the_byte() -> None:
    server = from_base64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")

    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        receiver=from_base64url(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        auth=from_base64url("BTBZMqHH6r4Tts7J_aSIgg"),
        server=ec.derive_private_key(int.from_bytes(server, "big"), ec.SECP256R1()),
        salt=from_base64url("DGv6ra1nlYgDCS1FRnbzlw"),
    )

    assert to_base64url(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
        "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def encrypted(browser: Browser, plain: bytes) -> bytes:
    return encrypt(
        plain,
        receiver=browser.public,
        auth=browser.auth,
        server=ec.generate_private_key(ec.SECP256R1()),
        salt=os.urandom(16),
    )


@pytest.mark.parametrize("size", [0, 1, 100, PLAIN_BYTES_MAX])
def test_an_independent_reader_decrypts_what_was_encrypted_for_it_alone(size: int) -> None:
    browser, other, plain = Browser(), Browser(), os.urandom(size)

    body = encrypted(browser, plain)

    assert browser.decrypt(body) == plain
    assert len(body) <= 4096
    with pytest.raises(http_ece.ECEException):
        other.decrypt(body)
    other.key = browser.key
    with pytest.raises(http_ece.ECEException):
        other.decrypt(body)  # the right key is not enough without the secret


def test_a_message_that_a_push_service_may_refuse_is_not_made() -> None:
    with pytest.raises(TooLong):
        encrypted(Browser(), bytes(PLAIN_BYTES_MAX + 1))


def test_push_services_can_verify_who_sends() -> None:
    header = Vapid(KEYS, "https://pay.example", lambda: WALL_CLOCK).header(ENDPOINT)

    token, key = header.removeprefix("vapid t=").split(", k=")
    x, y = from_base64url(key)[1:33], from_base64url(key)[33:]
    public = ECKey.import_key(
        {"kty": "EC", "crv": "P-256", "x": to_base64url(x), "y": to_base64url(y)}
    )
    read = jws.deserialize_compact(token, public, algorithms=["ES256"])
    now = int(WALL_CLOCK.timestamp())
    begins = now - now % PERIOD_SECONDS
    expires = begins + int(LIFETIME.total_seconds())
    assert key == KEYS.public_key() == to_base64url(point(KEYS.vapid.public_key()))
    assert read.headers() == {"typ": "JWT", "alg": "ES256"}
    assert read.payload == (
        f'{{"aud":"https://push.example:8443","exp":{expires},"sub":"https://pay.example"}}'.encode()
    )
    assert 6 * 3600 <= expires - now <= 12 * 3600


def test_a_token_is_signed_once_for_an_origin_and_a_time() -> None:
    times = [WALL_CLOCK]
    vapid = Vapid(KEYS, "", lambda: times[-1])

    first, again = vapid.header(ENDPOINT), vapid.header("https://push.example:8443/send/other")
    other = vapid.header("https://other.example/send")
    times.append(WALL_CLOCK + LIFETIME / 2)
    later = vapid.header(ENDPOINT)

    assert first == again
    assert len({first, other, later}) == 3


def test_what_is_sealed_opens_under_its_key_and_name_alone() -> None:
    sealed = KEYS.seal(b"secret", "psh_1 wal_1")
    stranger = PushKeys(lambda: bytes(32))

    assert KEYS.open(sealed, "psh_1 wal_1") == b"secret"
    assert b"secret" not in sealed
    assert sealed != KEYS.seal(b"secret", "psh_1 wal_1")
    changed = bytes([*sealed[:-1], sealed[-1] ^ 1])
    for keys, bytes_, name in [
        (KEYS, sealed, "psh_1 wal_2"),
        (stranger, sealed, "psh_1 wal_1"),
        (KEYS, changed, "psh_1 wal_1"),
        (KEYS, b"", "psh_1 wal_1"),
        (KEYS, b"short", "psh_1 wal_1"),
    ]:
        with pytest.raises(NotSealedHere):
            keys.open(bytes_, name)


def test_the_keys_are_those_of_the_file_and_without_it_there_are_none(tmp_path: Path) -> None:
    keys = PushKeys(read_file(tmp_path))
    with pytest.raises(SigningUnavailable):
        keys.public_key()

    assert home_keys.make_key(tmp_path / FILE)
    assert not home_keys.make_key(tmp_path / FILE)

    assert keys.public_key() == PushKeys(read_file(tmp_path)).public_key()
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(SigningUnavailable):
        PushKeys(read_file(tmp_path)).public_key()
