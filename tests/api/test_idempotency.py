"""Idempotency keys are kept forever: across changes of URLs, fields and releases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from uuid_utils.compat import uuid7

from api.http import fingerprints
from api.http.parsing import MoneyBody
from api.v1 import payment_sessions
from api.v1.payment_sessions import CreateSessionBody, PayBody
from api.v1.scans import ScanBody
from api.v1.wallets import OpenWalletBody, TopUpBody
from application.event_log import AppendRequest
from domain import ids
from domain.money.money import Money
from domain.sessions.order import Order
from domain.sessions.payment_session import PaymentSession
from tests.support.api_fixture import USD_10, ApiFixture, api_fixture

pytestmark = pytest.mark.postgres
CREATE = "/v1/payment-sessions"
WALLET, CLAIM = f"wal_{'0' * 26}", f"clm_{'0' * 26}"


def first_fingerprint(method: str, path: str, text: str) -> bytes:
    """The fingerprint that the first releases stored for a body with this JSON."""
    return hashlib.sha256(f"{method}\n{path}\n{text}".encode()).digest()


MONEY: Any = b'{"currency":"USD","minor":1000}'
FIRST = {
    CreateSessionBody: (
        b'{"metadata":{"z":"1","a":"2"},"order_id":"A","amount":%s,"expires_in_seconds":900}'
        % MONEY,
        (
            '{"order_id":"A","amount":{"minor":1000,"currency":"USD"},"description":"",'
            '"expires_in_seconds":900,"return_url":null,"metadata":{"a":"2","z":"1"},'
            '"checkout_may_cancel":false}'
        ),
    ),
    ScanBody: (
        b'{"wallet_id":"%s","payload":"x"}' % WALLET.encode(),
        f'{{"payload":"x","wallet_id":"{WALLET}"}}',
    ),
    PayBody: (
        b'{"amount":%s,"wallet_id":"%s","claim_id":"%s"}'
        % (MONEY, WALLET.encode(), CLAIM.encode()),
        (
            f'{{"claim_id":"{CLAIM}","wallet_id":"{WALLET}",'
            '"amount":{"minor":1000,"currency":"USD"}}'
        ),
    ),
    OpenWalletBody: (b'{"currency":"USD"}', '{"currency":"USD"}'),
    TopUpBody: (
        b'{"reference":"r","amount":%s}' % MONEY,
        '{"amount":{"minor":1000,"currency":"USD"},"reference":"r"}',
    ),
}


@pytest.mark.parametrize("kind", list(FIRST), ids=lambda kind: kind.__name__)
def test_fingerprints_of_the_first_releases_never_change(kind: Any) -> None:
    raw, first_json = FIRST[kind]
    body = msgspec.json.decode(raw, type=kind)

    assert fingerprints.of_first_releases("POST", "/p", body) == [
        first_fingerprint("POST", "/p", first_json)
    ]
    names = {field.name for field in msgspec.structs.fields(kind)}
    assert set(fingerprints.FIRST_FIELDS[kind.__name__]) <= names
    assert fingerprints.of_request("POST", "/p", None) == first_fingerprint("POST", "/p", "null")


def newer_body() -> type[Any]:
    """The body of a later release, with more optional fields, also nested ones."""

    def newer(kind: type[Any], *fields: Any) -> type[Any]:
        struct: type[Any] = msgspec.defstruct(
            kind.__name__, list(fields), bases=(kind,), kw_only=True, module=__name__
        )
        return struct

    money = newer(MoneyBody, ("rounding", str, "none"))
    return newer(
        CreateSessionBody,
        ("amount", money),
        ("tip", money | None, None),
        ("labels", dict[str, str], {}),
    )


def test_explicit_defaults_and_new_optional_fields_do_not_change_the_fingerprint() -> None:
    def of(raw: bytes, kind: Any = CreateSessionBody) -> tuple[bytes, list[bytes]]:
        body = msgspec.json.decode(raw, type=kind)
        return (
            fingerprints.of_request("POST", CREATE, body),
            fingerprints.of_first_releases("POST", CREATE, body),
        )

    plain = of(b'{"order_id":"A","amount":%s}' % MONEY)

    spelled = (
        b'{"order_id":"A","amount":%s,"metadata":{},"expires_in_seconds":900,"return_url":null}'
    )
    assert of(spelled % MONEY) == plain
    newer = newer_body()
    assert of(b'{"order_id":"A","amount":%s}' % MONEY, newer) == plain
    other = of(b'{"order_id":"A","amount":%s,"labels":{"a":"b"}}' % MONEY, newer)
    assert other[0] != plain[0]
    assert other[1] == []  # unknown to the first releases
    nested = b'{"order_id":"A","amount":{"minor":1000,"currency":"USD","rounding":"up"}}'
    assert of(nested, newer)[0] != plain[0]
    assert of(nested, newer)[1] == []
    assert of(b'{"order_id":"A","amount":%s,"description":"x"}' % MONEY)[0] != plain[0]


def an_old_receipt(api: ApiFixture, key: str, order_id: str) -> str:
    """Stores a session as the first releases did, under a key; returns its id."""
    log, merchant = api.services.log, api.merchants[0]
    now = log.now()
    session = PaymentSession.create(
        session_id=uuid7(), merchant_id=merchant, merchant_name="Cafe", order_id=order_id,
        amount=Money(1000, "USD"), at=now,
    )  # fmt: skip
    order = Order.open(
        merchant_id=merchant, order_id=order_id, session_id=session.public_id, at=now
    )
    spelled = (
        f'{{"order_id":"{order_id}","amount":{{"minor":1000,"currency":"USD"}},"description":"",'
        '"expires_in_seconds":900,"return_url":null,"metadata":{},"checkout_may_cancel":false}'
    )
    pending = AppendRequest(
        command_id=ids.derive("idempotency", merchant, f"POST {CREATE}", key),
        fingerprint=first_fingerprint("POST", CREATE, spelled),
        events=[*order.collect_events(), *session.collect_events()],
        actor="older release",
        subject=session.id,
        version=1,
    )
    assert log.append([pending])[0].kind.value == "recorded"
    return session.public_id


def test_a_receipt_of_the_first_releases_is_replayed_but_not_for_another_body(
    api: ApiFixture,
) -> None:
    key, order_id = str(uuid4()), str(uuid4())
    session_id = an_old_receipt(api, key, order_id)
    body = {"order_id": order_id, "amount": USD_10}
    before = api.position()

    again = api.call("merchant", "POST", CREATE, body, key=key)
    other = api.call("merchant", "POST", CREATE, {**body, "description": "x"}, key=key)

    assert (again.status_code, again.json()["id"]) == (201, session_id)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert api.position() == before


OF_ONE_ANSWER = {"qr", "checkout_url", "live_url", "type", "request_id"}
"""Addresses, and the id of the request."""


def without_urls(response: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in response.items() if k not in OF_ONE_ANSWER}


def test_retries_are_replayed_after_a_change_of_public_url_and_a_new_field(
    make_ledger: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_ledger()
    requests: list[tuple[str, str, Any, str]] = []
    responses = []

    def send(api: ApiFixture, who: str, path: str, body: Any) -> dict[str, Any]:
        requests.append((who, path, body, str(uuid4())))
        response = api.call(who, "POST", path, body, key=requests[-1][-1])
        responses.append(response)
        document: dict[str, Any] = response.json()
        return document

    with api_fixture(url) as api:
        merchant, app = api.keys["merchant"], api.keys["wallet"]
        order = {"order_id": "A", "amount": USD_10, "metadata": {"till": "3"}}
        session = send(api, merchant, CREATE, order)
        wallet = send(api, app, "/v1/wallets", {"currency": "USD"})["id"]
        money = {"amount": USD_10, "reference": "r"}
        send(api, app, f"/v1/wallets/{wallet}/top-ups", money)
        scanned = {"payload": session["qr"]["payload"], "wallet_id": wallet}
        claim = send(api, app, "/v1/scans", scanned)["claim"]["id"]
        pay = {"claim_id": claim, "wallet_id": wallet, "amount": USD_10}
        send(api, app, f"{CREATE}/{session['id']}/pay", pay)
        other = send(api, merchant, CREATE, {**order, "order_id": "B"})
        send(api, merchant, f"{CREATE}/{other['id']}/cancel", None)
        send(api, app, "/v1/scans", {**scanned, "payload": "not our code"})
    assert [response.status_code for response in responses] == [
        201,
        201,
        201,
        200,
        200,
        201,
        200,
        422,
    ]

    monkeypatch.setattr(payment_sessions, "CreateSessionBody", newer_body())
    moved_to: Any = {"public_url": "https://moved.example", "live_public_url": "wss://live.example"}
    with api_fixture(url, claim_seconds=30, **moved_to) as moved:
        before = moved.position()
        for (who, path, body, key), first in zip(requests, responses, strict=True):
            again = moved.call(who, "POST", path, body, key=key)

            assert again.status_code == first.status_code, again.text
            assert again.headers["Idempotent-Replayed"] == "true"
            assert again.headers.get("Ledger-Position") == first.headers.get("Ledger-Position")
            assert without_urls(again.json()) == without_urls(first.json())
            if "qr" in again.json():
                document = again.json()
                assert document["qr"]["svg_url"].startswith("https://moved.example/")
                assert document["live_url"].startswith("wss://live.example/")
        assert moved.position() == before
        different = {**requests[0][2], "labels": {"a": "b"}}
        reused = moved.call(requests[0][0], "POST", CREATE, different, key=requests[0][3])
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency-key-reused")
