"""Scan to pay over HTTP, as the contract specifies."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from domain import times
from tests.support.api_fixture import USD_10, ApiFixture

pytestmark = pytest.mark.postgres
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


def test_a_created_session_has_the_fields_of_the_contract(api: ApiFixture) -> None:
    body = {
        "order_id": "SN129803",
        "amount": {"minor": 12345, "currency": "USD"},
        "description": "2 coffees",
        "expires_in_seconds": 900,
        "return_url": "https://shop.example/thanks",
        "metadata": {"till": "3"},
    }

    response = api.call("merchant", "POST", "/v1/payment-sessions", body)

    session = response.json()
    assert response.status_code == 201
    assert response.headers["Ledger-Position"] == str(session["position"])
    assert response.headers["Cache-Control"] == "no-store"
    assert session["object"] == "payment_session"
    assert re.fullmatch(r"ps_[0-7][0-9a-z]{25}", session["id"])
    assert (session["status"], session["version"], session["flags"]) == ("created", 1, [])
    assert session["merchant"] == {"id": api.merchants[0], "name": "Cafe"}
    assert session["order_id"] == "SN129803"
    assert session["amount"] == {
        "minor": 12345,
        "currency": "USD",
        "exponent": 2,
        "display": "$123.45",
    }
    for name in ("created_at", "expires_at", "server_time"):
        assert TIME.match(session[name])
    lifetime = times.from_text(session["expires_at"]) - times.from_text(session["created_at"])
    assert lifetime.total_seconds() == session["expires_in_seconds"] == 900
    assert (session["claim"], session["paid"]) == (None, None)
    assert session["metadata"] == {"till": "3"}
    assert session["return_url"] == "https://shop.example/thanks"
    base = "http://127.0.0.1:18080"
    assert session["qr"]["payload"].lower() == f"{base}/q/{session['id'][3:]}"
    assert session["qr"]["svg_url"] == f"{base}/v1/payment-sessions/{session['id']}/qr.svg"
    assert session["checkout_url"].startswith(f"{base}/checkout/{session['id']}?token=")
    assert session["live_url"].startswith(
        f"ws://127.0.0.1:18081/live?session={session['id']}&token="
    )


def test_scan_and_pay(api: ApiFixture) -> None:
    session, wallet = api.create_session(metadata={"till": "3"}), api.open_wallet()

    scanned = api.scan(session, wallet)
    claim = scanned.json()["claim"]
    paid = api.pay(session, wallet, claim["id"])

    assert scanned.status_code == paid.status_code == 200
    assert scanned.json()["status"] == "scanned"
    assert scanned.json()["version"] == 2
    assert claim["wallet_id"] == wallet
    lease = times.from_text(claim["lease_until"]) - times.from_text(scanned.json()["served_at"])
    assert 89 < lease.total_seconds() <= 90
    assert paid.json()["status"] == "paid"
    assert paid.json()["paid"]["wallet_id"] == wallet
    assert paid.json()["version"] == 3
    assert "served_at" not in paid.json()
    balance = api.call("wallet", "GET", f"/v1/wallets/{wallet}").json()
    assert balance["available"] == {
        "minor": 99_000,
        "currency": "USD",
        "exponent": 2,
        "display": "$990.00",
    }
    assert balance["held"]["minor"] == 0
    again = api.scan(session, wallet)
    assert (again.status_code, again.json()["status"]) == (200, "paid")


def test_refusals_of_a_payment_in_their_order(api: ApiFixture) -> None:
    session, wallet = api.create_session(), api.open_wallet(500)
    euros = api.open_wallet(5000, currency="EUR")
    claim = api.scan(session, wallet).json()["claim"]["id"]
    none = "clm_" + "0" * 26

    def code(response: Any) -> tuple[int, str]:
        return response.status_code, response.json()["code"]

    assert code(api.pay(session, wallet, claim, who="")) == (401, "unauthorized")
    assert code(api.pay(session, wallet, claim, who="merchant")) == (403, "forbidden")
    assert code(api.pay(session, wallet, claim, who="other_wallet")) == (404, "not-found")
    missing = {"id": "ps_" + "0" * 26}
    assert code(api.pay(missing, wallet, claim)) == (404, "not-found")
    assert code(api.pay(session, wallet, none)) == (409, "claim-required")
    wrong = {"minor": 999, "currency": "USD"}
    assert code(api.pay(session, wallet, claim, amount=wrong)) == (422, "amount-mismatch")
    assert code(api.pay(session, wallet, claim)) == (402, "insufficient-funds")
    other = api.open_wallet()
    blocked = api.scan(session, other)
    assert code(blocked) == (409, "session-claimed")
    assert 85 <= int(blocked.headers["Retry-After"]) <= 91
    fresh = api.create_session()
    held = api.scan(fresh, euros).json()["claim"]["id"]
    assert code(api.pay(fresh, euros, held)) == (422, "wallet-currency-mismatch")
    api.call("merchant", "POST", f"/v1/payment-sessions/{session['id']}/cancel")
    assert code(api.pay(session, wallet, claim)) == (409, "session-not-payable")
    assert code(api.scan(session, wallet)) == (409, "session-not-payable")


def test_an_order_has_one_session_at_a_time(api: ApiFixture) -> None:
    order = str(uuid4())
    session = api.create_session(order_id=order)
    body = {"order_id": order, "amount": USD_10}

    second = api.call("merchant", "POST", "/v1/payment-sessions", body)
    elsewhere = api.call("other_merchant", "POST", "/v1/payment-sessions", body)
    path = f"/v1/payment-sessions/{session['id']}/cancel"
    cancelled = api.call("merchant", "POST", path)
    again = api.call("merchant", "POST", path)
    third = api.call("merchant", "POST", "/v1/payment-sessions", body)

    assert (second.status_code, second.json()["code"]) == (409, "order-open")
    assert second.json()["session_id"] == session["id"]
    assert elsewhere.status_code == 201
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (again.status_code, again.json()["code"]) == (409, "session-not-payable")
    assert third.status_code == 201


def test_another_wallet_can_claim_after_a_release(api: ApiFixture) -> None:
    session, wallet, other = api.create_session(), api.open_wallet(), api.open_wallet()
    api.scan(session, wallet)
    path = f"/v1/payment-sessions/{session['id']}/claim"

    assert api.call("other_wallet", "DELETE", path).status_code == 404
    released = api.call("wallet", "DELETE", path)

    assert (released.status_code, released.json()["status"]) == (200, "created")
    assert released.json()["claim"] is None
    assert api.scan(session, other).status_code == 200


def test_idempotency_keys_on_create(api: ApiFixture) -> None:
    body = {"order_id": str(uuid4()), "amount": USD_10}
    key = str(uuid4())

    first = api.call("merchant", "POST", "/v1/payment-sessions", body, key=key)
    reordered = b'{ "amount": {"currency":"USD", "minor":1000}, "order_id":"%s"}'
    again = api.call(
        "merchant",
        "POST",
        "/v1/payment-sessions",
        reordered % body["order_id"].encode(),  # type: ignore[attr-defined]
        key=f'"{key}"',
    )
    other = api.call(
        "merchant", "POST", "/v1/payment-sessions", {**body, "description": "x"}, key=key
    )
    stranger = api.call("other_merchant", "POST", "/v1/payment-sessions", body, key=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Ledger-Position"] == first.headers["Ledger-Position"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert stranger.status_code == 201


def test_a_stored_refusal_is_replayed_even_if_the_payment_would_succeed_now(
    api: ApiFixture,
) -> None:
    session, wallet = api.create_session(), api.open_wallet(1)
    claim = api.scan(session, wallet).json()["claim"]["id"]
    key = str(uuid4())
    first = api.pay(session, wallet, claim, key=key)
    path = f"/v1/wallets/{wallet}/top-ups"
    top_up = {"amount": USD_10, "reference": "more"}
    assert api.call("wallet", "POST", path, top_up, key=str(uuid4())).status_code == 201

    again = api.pay(session, wallet, claim, key=key)

    assert (first.status_code, again.status_code) == (402, 402)
    assert again.json() | {"request_id": ""} == first.json() | {"request_id": ""}
    assert again.headers["Idempotent-Replayed"] == "true"
    assert api.pay(session, wallet, claim).status_code == 200


def test_pay_requires_a_key_and_a_second_payment_by_the_payer_returns_the_first(
    api: ApiFixture,
) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    claim = api.scan(session, wallet).json()["claim"]["id"]
    body = {"claim_id": claim, "wallet_id": wallet, "amount": USD_10}
    path = f"/v1/payment-sessions/{session['id']}/pay"

    none = api.call("wallet", "POST", path, body)
    first, other_key = api.pay(session, wallet, claim), api.pay(session, wallet, claim)

    assert (none.status_code, none.json()["code"]) == (400, "idempotency-key-required")
    assert (first.status_code, other_key.status_code) == (200, 200)
    assert other_key.json()["position"] == first.json()["position"]
    assert other_key.json()["paid"] == first.json()["paid"]


def test_a_page_token_acts_for_one_wallet_and_cannot_create_tokens(
    api: ApiFixture,
) -> None:
    session, wallet, other = api.create_session(), api.open_wallet(), api.open_wallet()
    minted = api.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens")
    token = minted.json()["token"]

    assert minted.status_code == 201
    assert api.call(token, "GET", f"/v1/wallets/{wallet}").status_code == 200
    assert api.call(token, "GET", f"/v1/wallets/{other}").status_code == 404
    assert api.scan(session, other, who=token).status_code == 404
    claim = api.scan(session, wallet, who=token).json()["claim"]["id"]
    assert api.pay(session, wallet, claim, who=token).status_code == 200
    assert api.call(token, "GET", f"/v1/payment-sessions/{session['id']}").status_code == 200
    path = f"/v1/wallets/{wallet}"
    top_up = {"amount": USD_10, "reference": "x"}
    foreign = api.call(token, "POST", f"/v1/wallets/{other}/top-ups", top_up, key="k")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not-found")
    topped = api.call(token, "POST", f"{path}/top-ups", top_up, key="k")
    assert (topped.status_code, topped.json()["available"]["minor"]) == (201, 100_000)
    assert api.call(token, "POST", f"{path}/tokens").status_code == 403
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    assert api.call(forged, "GET", path).status_code == 401


def test_wallet_top_ups(api: ApiFixture) -> None:
    wallet = api.open_wallet(0)
    path = f"/v1/wallets/{wallet}/top-ups"
    body = {"amount": USD_10, "reference": "ref 1"}

    first = api.call("wallet", "POST", path, body, key="top-1")
    again = api.call("wallet", "POST", path, body, key="top-1")
    reused = api.call("wallet", "POST", path, body, key="top-2")
    euros = {"amount": {"minor": 1, "currency": "EUR"}, "reference": "ref 2"}

    assert (first.status_code, first.json()["available"]["minor"]) == (201, 1000)
    assert again.json() == first.json()
    assert (reused.status_code, reused.json()["code"]) == (409, "reference-used")
    assert api.call("wallet", "POST", path, euros, key="e").status_code == 422
    assert api.call("other_wallet", "POST", path, body, key="o").status_code == 404
    assert (
        api.call("operator", "POST", path, {**body, "reference": "op"}, key="p").status_code == 201
    )
    assert api.call("wallet", "POST", path, body).json()["code"] == "idempotency-key-required"


@pytest.mark.parametrize(
    ("minor", "currency", "display"),
    [(1200, "JPY", "¥1,200"), (1005, "KWD", "KWD1.005"), (12345, "CLF", "CLF1.2345"),
     (1500, "IQD", "IQD1.500"), (5, "USD", "$0.05"), (999999999999, "EUR", "€9,999,999,999.99")],
)  # fmt: skip
def test_amounts_are_formatted_with_the_decimals_of_iso_4217(
    api: ApiFixture, minor: int, currency: str, display: str
) -> None:
    session = api.create_session(amount={"minor": minor, "currency": currency})

    assert session["amount"]["display"] == display
