"""Where devices are reached: what is accepted, and every way to be something else."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from domain.base64url import from_base64url, to_base64url
from domain.errors import InvalidRequest
from domain.wallets.push_target import TOKEN_CHARS_MAX, check_fcm, check_web_push
from tests.support.memory_push import Browser

ENDPOINT = "https://push.example/send/abc"
KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
"""Of the example in RFC 8291, section 5."""
POINT = from_base64url(KEYS["p256dh"])
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8_AA3A93E7_B3EBBD55_769886BC_651D06B0_CC53B0F6_3BCE3C3E_27D2604B
"""Of P-256 (SEC 2, 2.4.2): y² = x³ - 3x + B over the integers modulo PRIME."""


def field(**facts: Any) -> str:
    """The field for which a subscription is refused; empty if it is accepted."""
    given = {"endpoint": ENDPOINT, **KEYS, **facts}
    try:
        check_web_push(**given)
    except InvalidRequest as refusal:
        [params] = [refusal.facts["invalid_params"]]
        assert isinstance(params, list)
        return params[0]["name"]
    return ""


def test_what_browsers_make_is_accepted() -> None:
    for _ in range(20):
        keys = Browser().subscription(ENDPOINT)["keys"]
        assert field(**keys) == ""
    assert field(endpoint="http://127.0.0.1:8000/x", loopback=True) == ""


@pytest.mark.parametrize(
    "point",
    [
        b"", POINT[:-1], POINT + b"\0", b"\x02" + POINT[1:33], b"\x03" + POINT[1:],
        b"\x04" + bytes(64), b"\x04" + b"\xff" * 64, POINT[:-1] + bytes([POINT[-1] ^ 1]),
        POINT[:33] + bytes(32), b"\0",
        # of another curve
        b"\x04" + (5).to_bytes(32, "big") + (1).to_bytes(32, "big"),
    ],
)  # fmt: skip
def test_a_key_that_is_no_point_of_the_curve_is_refused(point: bytes) -> None:
    assert field(p256dh=to_base64url(point)) == "keys.p256dh"


def small_point() -> tuple[int, int]:
    """A point whose x is so small that x + PRIME has 32 bytes as well."""
    for x in range(1, 100):
        square = (x**3 - 3 * x + B) % PRIME
        y = pow(square, (PRIME + 1) // 4, PRIME)
        if y * y % PRIME == square:
            return x, y
    raise AssertionError


def test_a_coordinate_is_written_in_one_way_only() -> None:
    x, y = small_point()
    tail = y.to_bytes(32, "big")

    assert field(p256dh=to_base64url(b"\x04" + x.to_bytes(32, "big") + tail)) == ""
    for other in (x + PRIME, PRIME, 2**256 - 1):
        key = to_base64url(b"\x04" + other.to_bytes(32, "big") + tail)
        assert field(p256dh=key) == "keys.p256dh"


@pytest.mark.parametrize(
    "text",
    ["", "A", "====", KEYS["auth"] + "=", KEYS["auth"] + "==", KEYS["auth"][:-1], f" {KEYS['auth']}",
     base64.b64encode(b"\xfb\xff" * 8).decode(), "é" * 22, "\u212a" * 22, "A" * 10_000],
)  # fmt: skip
def test_a_secret_that_is_not_16_bytes_of_base64url_is_refused(text: str) -> None:
    assert field(auth=text) == "keys.auth"


@pytest.mark.parametrize(
    "url",
    ["", "https://push.example", "http://push.example/", "https://127.0.0.1/", "https://[::1]/",
     "https://169.254.169.254/", "https://push.example:22/", "https://a:b@push.example/",
     "https://push.internal/", "https://2130706433/", "https://push.example/#x", "https://push.example/é",
     "https://push.example/" + "x" * 2000],
)  # fmt: skip
def test_an_endpoint_that_may_not_be_called_is_refused(url: str) -> None:
    accepted = url == "https://push.example"
    assert field(endpoint=url) == ("" if accepted else "endpoint")


@pytest.mark.parametrize("token", ["x", "a:B-c_d.e0", "x" * TOKEN_CHARS_MAX])
def test_tokens_of_apps_are_accepted(token: str) -> None:
    check_fcm(token)


@pytest.mark.parametrize(
    "token", ["", "a b", "a/b", "a\nb", "a\n", "é", "x" * (TOKEN_CHARS_MAX + 1), "\u0661", '"']
)
def test_other_texts_are_no_tokens(token: str) -> None:
    with pytest.raises(InvalidRequest, match="token"):
        check_fcm(token)


@pytest.mark.parametrize("raw", [b"", b"\0", bytes(range(256)), b"\xfb\xff"])
def test_base64url_is_read_as_it_is_written(raw: bytes) -> None:
    text = to_base64url(raw)

    assert from_base64url(text) == raw
    assert not set(text) & set("+/=")
    if text:
        with pytest.raises(ValueError):
            from_base64url(f"{text}=")
