"""Pages of other origins: what they may read, with which credentials, and what stays compressed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from api.app import operations
from tests.support.memory_client import MemoryClient, memory_client

SHOP, OTHER = "https://shop.example", "https://evil.example"
ALLOW = "access-control-allow-origin"
SESSIONS = "/v1/payment-sessions"


@pytest.fixture(scope="module")
def client() -> Iterator[MemoryClient]:
    with memory_client(cors_origins=(SHOP,)) as client:
        yield client


def page_token(client: MemoryClient) -> str:
    path = f"/v1/wallets/{client.api.wallet_id}/tokens"
    token: str = client.call("wallet", "POST", path).body["token"]
    return token


def test_a_page_of_an_allowed_origin_reads_with_a_page_token(client: MemoryClient) -> None:
    token, path = page_token(client), f"/v1/wallets/{client.api.wallet_id}"

    answer = client.call(token, "GET", path, headers={"origin": SHOP})
    refused = client.call("qrw_x", "GET", path, headers={"origin": SHOP})

    assert (answer.status, answer.headers[ALLOW]) == (200, SHOP)
    assert "Request-Id" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert (refused.status, refused.headers[ALLOW]) == (401, SHOP)


def test_a_page_of_an_allowed_origin_reads_the_public_part(client: MemoryClient) -> None:
    headers = {"origin": SHOP, "accept": "application/json"}

    for path in (
        f"/q/{client.api.session_id.removeprefix('ps_')}",
        f"{SESSIONS}/{client.api.session_id}/qr.svg",
        "/.well-known/qrledger-keys.json",
    ):
        assert client.call("", "GET", path, headers=headers).headers[ALLOW] == SHOP, path


def test_what_an_api_key_gets_no_other_origin_reads(client: MemoryClient) -> None:
    for who in ("wallet", "merchant", "auditor"):
        answer = client.call(
            who, "GET", f"{SESSIONS}/{client.api.session_id}", headers={"origin": SHOP}
        )
        assert ALLOW not in answer.headers
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    [OTHER, "null", "", f"{SHOP}.evil.example", f"{SHOP}:444", SHOP.upper(), "*", f"{SHOP}/"],
)
def test_no_other_origin_reads_anything(client: MemoryClient, origin: str) -> None:
    token, path = page_token(client), f"/v1/wallets/{client.api.wallet_id}"

    answer = client.call(token, "GET", path, headers={"origin": origin})
    asked = client.call("", "OPTIONS", path, headers={"origin": origin})

    assert (answer.status, asked.status) == (200, 204)
    assert ALLOW not in {*answer.headers, *asked.headers}
    assert "access-control-allow-methods" not in asked.headers


def test_a_browser_may_ask_first(client: MemoryClient) -> None:
    path = f"{SESSIONS}/{client.api.session_id}/pay"
    headers = {
        "origin": SHOP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,idempotency-key",
    }

    answer = client.call("", "OPTIONS", path, headers=headers)

    assert (answer.status, answer.headers[ALLOW], answer.body) == (204, SHOP, None)
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert {"Authorization", "Idempotency-Key"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )


def test_operations_of_key_holders_only_are_not_shared(client: MemoryClient) -> None:
    for path in (SESSIONS, "/v1/payouts", "/v1/balance", "/v1/events"):
        answer = client.call("", "OPTIONS", path, headers={"origin": SHOP})
        assert ALLOW not in answer.headers


def test_without_the_setting_nothing_is_shared() -> None:
    with memory_client() as client:
        token, path = page_token(client), f"/v1/wallets/{client.api.wallet_id}"
        answer = client.call(token, "GET", path, headers={"origin": SHOP})

    assert answer.status == 200
    assert not any(name.startswith("access-control") for name in answer.headers)


GZIP = {"accept-encoding": "gzip, br"}


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/static/pages.css"])
def test_documents_and_static_files_are_compressed(client: MemoryClient, path: str) -> None:
    plain, small = client.call("", "GET", path), client.call("", "GET", path, headers=GZIP)
    weighted = client.call("", "GET", path, headers={"accept-encoding": "gzip;q=0"})

    assert (plain.status, small.status) == (200, 200)
    assert small.headers["content-encoding"] == "gzip"
    assert {plain.headers["vary"], small.headers["vary"]} == {"Accept-Encoding"}
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert "content-encoding" not in {*plain.headers, *weighted.headers}


def test_a_compressed_body_is_the_plain_one() -> None:
    with memory_client() as client:
        plain = client.call("", "GET", "/static/pages.css")
        scope = client.call("", "GET", "/static/pages.css", headers=GZIP)

    assert isinstance(plain.body, str)
    assert isinstance(scope.body, bytes)
    assert gzip.decompress(scope.body).decode() == plain.body


def test_no_operation_compresses_what_may_hold_a_secret(client: MemoryClient) -> None:
    """A compressed length would reveal it (BREACH)."""
    for operation in operations(client.api.services):
        path = operation.path.replace("{id:str}", client.api.session_id)
        path = path.replace("{code:str}", client.api.session_id.removeprefix("ps_"))
        who = next((role for role in sorted(operation.callers) if role in client.api.keys), "")
        answer = client.call(who, operation.method, path, headers=GZIP)
        assert "content-encoding" not in answer.headers, operation.name
