"""Invalid requests return a problem document that names the field, and record no event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.api_fixture import USD_10, ApiFixture

pytestmark = pytest.mark.postgres

DROP = object()
NONE_ID = "0" * 26
WALLET, CLAIM = f"wal_{NONE_ID}", f"clm_{NONE_ID}"
LONG = "x" * 10_000

BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "create": (
        "merchant",
        "/v1/payment-sessions",
        {
            "order_id": "A",
            "amount": USD_10,
            "description": "d",
            "expires_in_seconds": 900,
            "return_url": "https://shop.example/",
            "metadata": {"a": "b"},
            "checkout_may_cancel": True,
        },
    ),
    "scan": ("wallet", "/v1/scans", {"payload": "x", "wallet_id": WALLET}),
    "pay": (
        "wallet",
        f"/v1/payment-sessions/ps_{NONE_ID}/pay",
        {"claim_id": CLAIM, "wallet_id": WALLET, "amount": USD_10},
    ),
    "open": ("wallet", "/v1/wallets", {"currency": "USD"}),
    "top-up": ("operator", f"/v1/wallets/{WALLET}/top-ups", {"amount": USD_10, "reference": "r"}),
}
OPTIONAL = {
    "description",
    "expires_in_seconds",
    "return_url",
    "metadata",
    "checkout_may_cancel",
}
TEXT = ["", 5, None, [], {}, True, LONG, "a\x00b", "a\nb", "line\n"]
AMOUNT: list[Any] = [
    None, 5, "10", [], {}, {"minor": 1}, {"currency": "USD"}, {"minor": 1, "currency": "USD", "x": 1},
    {"minor": "1", "currency": "USD"}, {"minor": 1.0, "currency": "USD"},
    {"minor": 1.5, "currency": "USD"}, {"minor": True, "currency": "USD"},
    {"minor": None, "currency": "USD"}, {"minor": 0, "currency": "USD"},
    {"minor": -1, "currency": "USD"}, {"minor": 10**12, "currency": "USD"},
    {"minor": 10**40, "currency": "USD"}, {"minor": 1, "currency": "usd"},
    {"minor": 1, "currency": "XXX"}, {"minor": 1, "currency": "XAU"}, {"minor": 1, "currency": "HRK"},
    {"minor": 1, "currency": "USDX"}, {"minor": 1, "currency": 840}, {"minor": 1, "currency": "ÜSD"},
]  # fmt: skip
WRONG: dict[str, list[Any]] = {
    "order_id": [*TEXT, "x" * 65],
    "amount": AMOUNT,
    "description": [5, None, [], LONG, "a\x00b", "x" * 201],
    "expires_in_seconds": [59, 86_401, 0, -1, "900", 900.0, None, True, 10**30],
    "return_url": [5, "", "http://shop.example/", "https://evil.example/", "javascript:x", LONG,
                   "https://shop.example@evil.example/", "shop.example", "https://shop.example:1/"],
    "metadata": [5, None, [], {"a": 1}, {"a": None}, {"": "x"}, {"k" * 41: "x"}, {"a": "x" * 501},
                 {str(n): "x" for n in range(21)}, {"a": {"b": "c"}}],
    "checkout_may_cancel": [1, "true", None, []],
    "payload": ["", 5, None, [], "x" * 7090],
    "wallet_id": [5, None, "", "wal_", NONE_ID, f"ps_{NONE_ID}", WALLET + "0", WALLET.upper()],
    "claim_id": [5, None, "", "clm_", f"wal_{NONE_ID}", CLAIM + "\n"],
    "currency": ["", "usd", "XXX", "HRK", 840, None, "USD ", []],
    "reference": [*TEXT, "x" * 81],
}  # fmt: skip


def cases() -> Iterator[Any]:
    for name, (_, _, body) in BODIES.items():
        yield pytest.param(name, "unknown", 1, id=f"{name}-unknown")
        for field in body:
            if field not in OPTIONAL:
                yield pytest.param(name, field, DROP, id=f"{name}-{field}-missing")
            for number, value in enumerate(WRONG[field]):
                yield pytest.param(name, field, value, id=f"{name}-{field}-{number}")


@pytest.mark.parametrize(("name", "field", "value"), list(cases()))
def test_an_invalid_field_is_named_and_nothing_changes(
    api: ApiFixture, name: str, field: str, value: Any
) -> None:
    who, path, good = BODIES[name]
    body = {**good, field: value}
    if value is DROP:
        del body[field]
    if name == "create":
        body.setdefault("order_id", str(uuid4()))
        if field == "order_id" and value is DROP:
            del body["order_id"]
    before = api.position()

    response = api.call(who, "POST", path, body, key=str(uuid4()))

    problem = response.json()
    assert response.status_code == 400, problem
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem["code"] == "invalid-request"
    assert field in problem["invalid_params"][0]["name"]
    assert problem["detail"]
    assert api.position() == before


@pytest.mark.parametrize(
    ("raw", "media_type", "status", "code"),
    [
        (b"", "application/json", 400, "invalid-request"),
        (b"{", "application/json", 400, "invalid-request"),
        (b"[]", "application/json", 400, "invalid-request"),
        (b"null", "application/json", 400, "invalid-request"),
        (b'"x"', "application/json", 400, "invalid-request"),
        (b"{} {}", "application/json", 400, "invalid-request"),
        (b"\xff\xfe", "application/json", 400, "invalid-request"),
        (b'{"order_id": "\xff"}', "application/json", 400, "invalid-request"),
        (b'{"order_id": "\\ud800"}', "application/json", 400, "invalid-request"),
        (b'{"order_id": NaN}', "application/json", 400, "invalid-request"),
        (b'{"amount":' * 1400, "application/json", 400, "invalid-request"),
        (b"[" * 16_000, "application/json", 400, "invalid-request"),
        (b'{"metadata":' + b'{"a":' * 2000 + b"1" + b"}" * 2001, "application/json", 400, "invalid-request"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b"{}", "application/json; charset=utf-8", 400, "invalid-request"),
        (b" " * 16_385, "application/json", 413, "body-too-large"),
    ],
)  # fmt: skip
def test_an_invalid_body_is_refused(
    api: ApiFixture, raw: bytes, media_type: str, status: int, code: str
) -> None:
    before = api.position()

    response = api.call("merchant", "POST", "/v1/payment-sessions", raw, Content_Type=media_type)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert api.position() == before


@pytest.mark.parametrize("key", ["", " ", '""', "x" * 256, "a\tb", "ü".encode().decode("latin-1")])
def test_an_invalid_idempotency_key_is_named(api: ApiFixture, key: str) -> None:
    body = json.dumps({"order_id": str(uuid4()), "amount": USD_10}).encode()
    headers = {
        "Authorization": f"Bearer {api.keys['merchant']}",
        "Content-Type": "application/json",
        "Idempotency-Key": key.encode("latin-1"),
    }

    response = api.client.post("/v1/payment-sessions", content=body, headers=headers)  # type: ignore[arg-type]

    assert (response.status_code, response.json()["code"]) == (400, "invalid-request")
    assert response.json()["invalid_params"][0]["name"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1", 404, "not-found"),
        ("GET", "/v1/none", 404, "not-found"),
        ("GET", "/v1/payment-sessions/x", 404, "not-found"),
        ("GET", "/v1/payment-sessions/ps_%00", 404, "not-found"),
        ("PUT", "/v1/payment-sessions", 405, "method-not-allowed"),
        ("POST", "/healthz", 405, "method-not-allowed"),
        ("DELETE", "/v1/events", 405, "method-not-allowed"),
        ("POST", "/v1/payment-sessions/x/cancel", 404, "not-found"),
        ("GET", "/v1/log/proof?position=1", 403, "forbidden"),
        ("GET", "/v1/events?session=ps_1", 400, "invalid-request"),
    ],
)
def test_an_unknown_path_or_method_returns_a_problem_document(
    api: ApiFixture, method: str, path: str, status: int, code: str
) -> None:
    response = api.call("merchant", method, path)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    if status == 405:
        assert response.headers["Allow"]


@pytest.mark.parametrize(
    "payload",
    ["hello", "https://evil.example/q/" + NONE_ID, "http://127.0.0.1:18080/q/x",
     "http://127.0.0.1:18080/", "00020101021229300012D156000000000510A93FO3230Q"],
)  # fmt: skip
def test_a_foreign_qr_code_is_refused_and_an_unknown_one_is_not_found(
    api: ApiFixture, payload: str
) -> None:
    wallet = api.open_wallet(0)

    foreign = api.call("wallet", "POST", "/v1/scans", {"payload": payload, "wallet_id": wallet})
    ours = {"payload": f"http://127.0.0.1:18080/q/{NONE_ID}", "wallet_id": wallet}

    assert (foreign.status_code, foreign.json()["code"]) == (422, "invalid-qr")
    assert api.call("wallet", "POST", "/v1/scans", ours).status_code == 404


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer qrl_test_merchant_x_y", "Bearer qrw_a_b_c_d",
     "Bearer " + "x" * 5000, "Bearer qrl_live_operator_" + "0" * 26 + "_" + "0" * 59,
     "Bearer qrw_" + "0" * 26 + "_" + "0" * 26 + "_ffffffff_" + "0" * 32],
)  # fmt: skip
def test_an_invalid_key_returns_401(api: ApiFixture, authorization: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    response = api.client.get("/v1/payment-sessions", headers=headers)

    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"
