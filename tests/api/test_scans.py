"""Scans over HTTP: one operation for whatever the camera has read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from application.commands.set_qr_settings import SetQrSettings
from domain import ids
from domain.money.money import Money
from domain.qr import dynamic_url, static_code
from tests.support.memory_client import MemoryClient, Reply, memory_client
from tests.support.memory_keys import MemoryKeys
from tests.support.static_codes import QR

PUBLIC = "http://127.0.0.1:8080"
CODES, SCANS = "/v1/static-codes", "/v1/scans"
OPEN = {"min": {"minor": 100, "currency": "USD"}, "max": {"minor": 5000, "currency": "USD"}}
FIXED = {"amount": {"minor": 700, "currency": "USD"}}
USD_7 = {"minor": 700, "currency": "USD"}


@pytest.fixture
def client() -> Iterator[MemoryClient]:
    with memory_client() as client:
        ledger = client.api.ledger
        ledger.send(SetQrSettings(merchant_id=ledger.merchant_id, settings=QR))
        yield client


def issue(client: MemoryClient, **terms: Any) -> dict[str, Any]:
    body = {"currency": "USD", "label": "Till 3", "formats": ["url", "emv"], **terms}
    made = client.call("merchant", "POST", CODES, body)
    assert made.status == 201, made.body
    code: dict[str, Any] = made.body
    return code


def scan(client: MemoryClient, payload: str, *, key: str = "", **facts: Any) -> Reply:
    body = {"payload": payload, "wallet_id": client.api.wallet_id, **facts}
    return client.call("wallet", "POST", SCANS, body, key=key)


@pytest.mark.parametrize("form", ["url", "emv"])
@pytest.mark.parametrize("key", ["", "k"])
def test_an_open_amount_is_answered_with_payee_and_limits_and_nothing_is_stored(
    client: MemoryClient, form: str, key: str
) -> None:
    code, before = issue(client, **OPEN), client.head
    receipts = len(client.api.ledger.log.receipts)  # type: ignore[attr-defined]

    shown = scan(client, code["payloads"][form], key=key)

    assert (shown.status, shown.body) == (
        200,
        {
            "object": "static_code", "id": code["id"], "livemode": False,
            "merchant": code["merchant"],
            "currency": "USD", "min": code["min"], "max": code["max"], "label": "Till 3",
        },
    )  # fmt: skip
    assert client.head == before
    assert len(client.api.ledger.log.receipts) == receipts  # type: ignore[attr-defined]
    opened = scan(client, code["payloads"][form], key=key, amount=USD_7)
    assert (opened.status, opened.body["status"]) == (200, "scanned")


@pytest.mark.parametrize("form", ["url", "emv"])
def test_an_amount_opens_and_claims_a_session(client: MemoryClient, form: str) -> None:
    code, before = issue(client, **OPEN), client.head

    opened = scan(client, code["payloads"][form], amount=USD_7)

    session = opened.body
    assert (opened.status, session["object"], session["status"]) == (
        200, "payment_session", "scanned",
    )  # fmt: skip
    assert opened.headers["ledger-position"] == str(session["position"]) == str(client.head)
    assert session["order_id"] == f"static:{session['id']}"
    assert (session["amount"]["minor"], session["description"]) == (700, "Till 3")
    assert session["claim"]["wallet_id"] == client.api.wallet_id
    assert session["served_at"]
    assert client.head == before + 4
    pay = {"claim_id": session["claim"]["id"], "wallet_id": client.api.wallet_id, "amount": USD_7}
    path = f"/v1/payment-sessions/{session['id']}/pay"
    paid = client.call("wallet", "POST", path, pay, key="pay")
    assert (paid.status, paid.body["status"]) == (200, "paid")
    shown = client.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}")
    assert shown.body["order_id"] == session["order_id"]


def test_a_fixed_amount_is_claimed_at_once(client: MemoryClient) -> None:
    code = issue(client, **FIXED)

    first = scan(client, code["payloads"]["emv"])
    again = scan(client, code["payloads"]["url"], amount=USD_7)
    other = scan(client, code["payloads"]["url"], amount={"minor": 701, "currency": "USD"})

    assert (first.status, first.body["amount"]["minor"]) == (200, 700)
    assert again.body["id"] == first.body["id"]
    assert again.body["claim"] == first.body["claim"]
    assert (other.status, other.body["code"]) == (422, "amount-mismatch")
    assert other.body["asked_minor"] == 700


def test_both_forms_and_any_key_lead_to_the_one_open_session(client: MemoryClient) -> None:
    code = issue(client, **OPEN)

    scans = [
        scan(client, code["payloads"][form], key=key, amount=USD_7)
        for form in ("url", "emv") for key in ("", "a" + form, "b" + form)
    ]  # fmt: skip
    other = scan(client, code["payloads"]["url"], key="c", amount={**USD_7, "minor": 800})

    assert {one.status for one in scans} == {200}
    assert len({one.body["id"] for one in scans}) == 1
    assert other.body["id"] != scans[0].body["id"]
    path = f"/v1/payment-sessions/{scans[0].body['id']}"
    assert client.call("merchant", "GET", path).body["status"] == "cancelled"


def test_a_key_returns_the_first_session_again(client: MemoryClient) -> None:
    code = issue(client, **OPEN)
    url = code["payloads"]["url"]
    first = scan(client, url, key="k", amount=USD_7)
    scan(client, url, key="other", amount={**USD_7, "minor": 800})

    again = scan(client, url, key="k", amount=USD_7)
    reused = scan(client, url, key="k", amount={**USD_7, "minor": 800})

    assert (again.replayed, again.body) == (True, first.body)
    assert (reused.status, reused.body["code"]) == (422, "idempotency-key-reused")


def test_rotation_keeps_printed_codes_and_revocation_ends_them(client: MemoryClient) -> None:
    code, keys = issue(client, **OPEN), client.api.code_keys
    url, emv = code["payloads"]["url"], code["payloads"]["emv"]
    first = scan(client, url, key="k", amount=USD_7)

    keys.rotate("K2")
    rotated = scan(client, emv, amount=USD_7)
    keys.revoke("K1")
    before = client.head
    refused = [scan(client, text, amount=USD_7) for text in (url, emv)]
    replayed = scan(client, url, key="k", amount=USD_7)

    assert rotated.body["id"] == first.body["id"]
    for one in refused:
        assert (one.status, one.body["code"]) == (422, "invalid-signature")
        assert (one.body["cause"], one.body["reason"]) == (
            "revoked-key", "the key that signed it has been revoked",
        )  # fmt: skip
    assert (replayed.replayed, replayed.body) == (True, first.body)
    assert client.head == before
    assert client.api.metrics.refused_scans == ["revoked-key", "revoked-key"]


def test_a_kept_refusal_is_replayed_although_the_code_is_valid_now(client: MemoryClient) -> None:
    foreign = MemoryKeys("K2")
    client.api.code_keys.rotate("K1")
    code_id = ids.decode("sc", issue(client, **OPEN)["id"])
    text = static_code.address(PUBLIC, code_id, "K2", foreign.current().sign)
    first = scan(client, text, key="k", amount=USD_7)
    client.api.code_keys.rotate("K2")

    again = scan(client, text, key="k", amount=USD_7)

    assert (first.status, first.body["cause"]) == (422, "unknown-key")
    assert (again.replayed, again.status) == (True, 422)
    assert {**again.body, "request_id": ""} == {**first.body, "request_id": ""}
    assert scan(client, text, amount=USD_7).status == 200


def test_a_revoked_code_is_refused_with_the_reason(client: MemoryClient) -> None:
    code = issue(client, **OPEN)
    client.call("merchant", "DELETE", f"{CODES}/{code['id']}")
    before = client.head

    for amount in (None, USD_7):
        refused = scan(client, code["payloads"]["url"], amount=amount)

        assert (refused.status, refused.body["code"]) == (422, "invalid-qr")
        assert refused.body["cause"] == "revoked-code"
        assert refused.body["reason"] == "the merchant has revoked it"
    assert client.head == before


@pytest.mark.parametrize(
    ("amount", "status", "code"),
    [
        ({"minor": 99, "currency": "USD"}, 422, "amount-outside-limits"),
        ({"minor": 5001, "currency": "USD"}, 422, "amount-outside-limits"),
        ({"minor": 700, "currency": "EUR"}, 422, "amount-outside-limits"),
        ({"minor": 0, "currency": "USD"}, 400, "invalid-request"),
        ({"minor": 7.5, "currency": "USD"}, 400, "invalid-request"),
        ({"minor": "700", "currency": "USD"}, 400, "invalid-request"),
        ({"minor": 10**12, "currency": "USD"}, 400, "invalid-request"),
        ({"minor": 700, "currency": "HRK"}, 400, "invalid-request"),
        ({"minor": 700, "currency": "XXX"}, 400, "invalid-request"),
        (700, 400, "invalid-request"),
    ],
)
def test_an_amount_that_the_code_does_not_take_opens_nothing(
    client: MemoryClient, amount: Any, status: int, code: str
) -> None:
    payload, before = issue(client, **OPEN)["payloads"]["url"], client.head

    refused = scan(client, payload, key="k", amount=amount)

    assert (refused.status, refused.body["code"]) == (status, code)
    assert client.head == before


def test_an_amount_for_the_code_of_a_session_must_be_that_of_the_session(
    client: MemoryClient,
) -> None:
    payload = dynamic_url.build(PUBLIC, ids.decode("ps", client.api.session_id))

    other = scan(client, payload, amount={"minor": 999, "currency": "USD"})
    same = scan(client, payload, amount={"minor": 1000, "currency": "USD"})

    assert (other.status, other.body["code"]) == (422, "amount-mismatch")
    assert (same.status, same.body["status"]) == (200, "scanned")


def test_another_apps_wallet_scans_nothing(client: MemoryClient) -> None:
    code, ledger = issue(client, **OPEN), client.api.ledger
    foreign = ids.encode("wal", ledger.open_wallet(0, app=f"app_{'0' * 26}"))
    before = client.head

    for wallet in (f"wal_{'0' * 26}", foreign):
        for amount in (None, USD_7):
            refused = scan(client, code["payloads"]["url"], wallet_id=wallet, amount=amount)

            assert (refused.status, refused.body["code"]) == (404, "not-found")
    assert client.head == before
    assert client.api.metrics.refused_scans == []


def test_refused_scans_are_counted_by_cause(client: MemoryClient) -> None:
    code = issue(client, **FIXED)
    session = client.api.ledger.create_session()
    nobody = client.api.ledger.new_id()
    cancelled = dynamic_url.build(PUBLIC, session)
    client.api.ledger.send(client.api.ledger.cancel(session))
    signer = client.api.code_keys.current()

    scan(client, "http://evil.example/q/" + "0" * 26)
    scan(client, dynamic_url.build(PUBLIC, nobody))
    scan(client, static_code.address(PUBLIC, nobody, signer.id, signer.sign))
    scan(client, cancelled)
    scan(client, code["payloads"]["url"][:-1] + "A")
    scan(client, code["payloads"]["url"], amount={"minor": 1, "currency": "USD"})
    scan(client, code["payloads"]["emv"][:-4] + "0000")

    assert client.api.metrics.refused_scans == [
        "foreign-host", "unknown-id", "unknown-id", "not-payable", "bad-signature",
        "amount-mismatch", "checksum",
    ]  # fmt: skip


def test_a_payer_in_another_currency_pays_by_quote(client: MemoryClient) -> None:
    ledger = client.api.ledger
    wallet = ids.encode("wal", ledger.open_wallet(5000, "EUR"))
    session = scan(client, issue(client, **FIXED)["payloads"]["url"], wallet_id=wallet).body

    quote = client.call(
        "wallet", "POST", "/v1/fx-quotes", {"wallet_id": wallet, "session_id": session["id"]}
    ).body
    pay = {
        "claim_id": session["claim"]["id"], "wallet_id": wallet, "amount": USD_7,
        "quote_id": quote["id"],
    }  # fmt: skip
    paid = client.call(
        "wallet", "POST", f"/v1/payment-sessions/{session['id']}/pay", pay, key="pay"
    )

    assert (paid.status, paid.body["paid"]["payer_amount"]["currency"]) == (200, "EUR")
    assert Money(quote["to"]["minor"], "USD") == Money(700, "USD")
