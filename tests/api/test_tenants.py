"""Tenants neither read nor change each other's data: every operation, id and holder."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from api.app import operations
from api.http.identity import CallerRole
from domain.merchants.api_key import Role
from infrastructure.bank.sandbox import REFUSES
from tests.end_to_end.test_program import wait_for
from tests.support.api_fixture import USD_10, ApiFixture
from tests.support.payouts_fixture import ask, register_destination

pytestmark = pytest.mark.postgres
HOOKS = "https://hooks.example/"
IDS = re.compile(r"(?:mer|wal|app|clm|key)_[0-7][0-9a-hjkmnp-tv-z]{25}")


@pytest.fixture(scope="module")
def foreign(api: ApiFixture) -> dict[str, str]:
    """Ids and a token that belong to the first merchant and the first app."""
    session, wallet = api.create_session(metadata={"note": "private"}), api.open_wallet()
    claim = api.scan(session, wallet).json()["claim"]["id"]
    paid, payer = api.create_paid_session()
    register_destination(api, api.merchants[0])
    payout = ask(api, 100 + REFUSES).json()
    path = f"/v1/payouts/{payout['id']}"
    wait_for(lambda: api.call("merchant", "GET", path).json()["status"] == "returned")
    endpoint = api.call("merchant", "POST", "/v1/webhook-endpoints", {"url": HOOKS}).json()
    token = api.call("wallet", "POST", f"/v1/wallets/{api.open_wallet()}/tokens").json()["token"]
    code = api.call("merchant", "POST", "/v1/static-codes", {"currency": "USD"}).json()
    return {
        "session": session["id"],
        "endpoint": endpoint["id"],
        "paid": paid["id"],
        "payout": payout["id"],
        "code": code["id"],
        "printed": code["payloads"]["url"],
        "merchant": payout["merchant_id"],
        "wallet": wallet,
        "payer": payer,
        "claim": claim,
        "page": token,
        "order": session["order_id"],
    }


def attempts(foreign: dict[str, str]) -> Iterator[tuple[str, str, Any]]:
    for session in (foreign["session"], foreign["paid"]):
        base = f"/v1/payment-sessions/{session}"
        yield "GET", base, None
        yield "GET", f"{base}/events", None
        yield "POST", f"{base}/cancel", None
        yield "DELETE", f"{base}/claim", None
        yield "POST", f"{base}/attempts", {"processor": "sandbox"}
        yield "GET", f"{base}/attempts", None
        yield "POST", f"{base}/accept", None
        for wallet in (foreign["wallet"], foreign["payer"]):
            pay = {"claim_id": foreign["claim"], "wallet_id": wallet, "amount": USD_10}
            yield "POST", f"{base}/pay", pay
            quote = {"wallet_id": wallet, "session_id": session}
            yield "POST", "/v1/fx-quotes", quote
            payload = f"http://127.0.0.1:18080/q/{session[3:]}"
            yield "POST", "/v1/scans", {"payload": payload, "wallet_id": wallet}
    yield "GET", f"/v1/static-codes/{foreign['code']}", None
    yield "DELETE", f"/v1/static-codes/{foreign['code']}", None
    yield "GET", "/v1/static-codes", None
    yield "GET", f"/v1/static-codes?merchant={foreign['merchant']}", None
    for wallet in (foreign["wallet"], foreign["payer"]):
        printed = {"payload": foreign["printed"], "wallet_id": wallet, "amount": USD_10}
        yield "POST", "/v1/scans", printed
        yield "GET", f"/v1/wallets/{wallet}", None
        yield "GET", f"/v1/wallets/{wallet}/payments", None
        yield "POST", f"/v1/wallets/{wallet}/top-ups", {"amount": USD_10, "reference": "theft"}
        yield "POST", f"/v1/wallets/{wallet}/tokens", None
    yield "GET", f"/v1/payment-sessions?order_id={foreign['order']}", None
    yield "GET", "/v1/payment-sessions?limit=100", None
    yield "GET", f"/v1/events?session={foreign['session']}", None
    yield "GET", "/v1/events", None
    yield "GET", f"/v1/payouts/{foreign['payout']}", None
    yield "GET", "/v1/payouts?limit=100", None
    yield "GET", f"/v1/payouts?merchant={foreign['merchant']}", None
    endpoint = f"/v1/webhook-endpoints/{foreign['endpoint']}"
    yield "GET", endpoint, None
    yield "PATCH", endpoint, {"status": "paused"}
    yield "DELETE", endpoint, None
    yield "POST", f"{endpoint}/rotate-secret", None
    yield "POST", f"{endpoint}/test", None
    yield "POST", f"{endpoint}/replay", {"after": 0}
    yield "GET", "/v1/webhook-endpoints", None
    yield "GET", f"/v1/webhook-deliveries?endpoint={foreign['endpoint']}", None
    yield "GET", "/metrics", None


@pytest.mark.parametrize("who", ["other_merchant", "other_wallet", "page", ""])
def test_another_tenant_sees_nothing_and_changes_nothing(
    api: ApiFixture, foreign: dict[str, str], who: str
) -> None:
    before = api.position()
    holder = foreign["page"] if who == "page" else who
    leaks: list[tuple[Any, ...]] = []

    for method, path, body in attempts(foreign):
        response = api.call(holder, method, path, body, key=str(uuid4()))
        shown = any(
            foreign[thing] in response.text
            for thing in ("session", "paid", "payout", "wallet", "endpoint", "code")
        )
        own_list = response.status_code == 200 and "data" in response.json() and not shown
        if response.status_code not in {401, 403, 404} and not own_list:
            leaks.append((method, path, response.status_code))
        secrets = set(IDS.findall(response.text)) & {foreign["wallet"], foreign["claim"]}
        if secrets - {body["wallet_id"]} if body and "wallet_id" in body else secrets:
            leaks.append((method, path, secrets))

    assert leaks == []
    assert api.position() == before


def without_id(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem without the id of its request."""
    return {name: value for name, value in problem.items() if name != "request_id"}


def test_another_tenants_session_is_reported_like_a_missing_one(
    api: ApiFixture, foreign: dict[str, str]
) -> None:
    path = "/v1/payment-sessions/"

    real = api.call("other_merchant", "GET", path + foreign["session"])
    none = api.call("other_merchant", "GET", path + "ps_" + "0" * 26)

    assert without_id(real.json()) == without_id(none.json())


def test_each_operation_is_forbidden_to_roles_that_it_does_not_list(
    api: ApiFixture, foreign: dict[str, str]
) -> None:
    holders = {
        CallerRole.MERCHANT: "merchant",
        CallerRole.WALLET: "wallet",
        CallerRole.AUDITOR: "auditor",
        CallerRole.OPERATOR: "operator",
        CallerRole.PAGE: foreign["page"],
    }
    checked = 0
    for operation, (caller, key) in product(operations(api.services), holders.items()):
        if not operation.callers or caller in operation.callers:
            continue
        path = operation.path.replace("{id:str}", "x")
        response = api.call(key, operation.method, path, key="k")
        assert (response.status_code, response.json()["code"]) == (403, "forbidden"), operation.name
        checked += 1
    assert checked > 30


def test_a_revoked_key_and_a_key_of_the_other_mode_are_refused(api: ApiFixture) -> None:
    from application.commands.revoke_key import RevokeKey  # noqa: PLC0415

    key = api.admin.issue_key(Role.AUDITOR)
    assert api.call(key.text, "GET", "/v1/events").status_code == 200
    api.admin.send(RevokeKey(key_id=key.key_id))
    time.sleep(1.05)  # identities are cached for a second

    assert api.call(key.text, "GET", "/v1/events").status_code == 401
    api.admin._mode = "live"
    live = api.admin.issue_key(Role.AUDITOR)
    api.admin._mode = "test"
    assert api.call(live.text, "GET", "/v1/events").status_code == 401


def test_two_holders_may_use_the_same_idempotency_key(api: ApiFixture) -> None:
    body = {"order_id": "the same", "amount": USD_10}

    responses = [
        api.call(who, "POST", "/v1/payment-sessions", body, key="the same key")
        for who in ("merchant", "other_merchant")
    ]

    assert [response.status_code for response in responses] == [201, 201]
    assert responses[0].json()["id"] != responses[1].json()["id"]
    assert "idempotent-replayed" not in responses[1].headers
