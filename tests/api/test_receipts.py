"""Receipts on PostgreSQL: of payments and refunds, for both sides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from domain import ids
from domain.audit import receipt
from domain.audit.leaf import Leaf
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.seal_now import seal

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_ledger()
    with api_fixture(url, rate_limit=0) as fixture:
        fixture.url = url
        yield fixture


def leaf_of(api: ApiFixture, who: str, path: str) -> Leaf:
    response = api.call(who, "GET", path)
    assert response.status_code == 200, response.text
    return receipt.parse(response.content).verify()


def test_merchant_and_payer_each_get_their_receipt(api: ApiFixture) -> None:
    session, wallet = api.create_paid_session()
    path = f"/v1/payment-sessions/{session['id']}/receipt"
    seal(api.url)

    merchants, payers = leaf_of(api, "merchant", path), leaf_of(api, "wallet", path)

    assert (merchants.topic, merchants.stream_id) == (
        "payment_session.paid", ids.decode("ps", session["id"]).bytes,
    )  # fmt: skip
    assert (payers.topic, payers.stream_id) == (
        "wallet.captured", ids.decode("wal", wallet).bytes,
    )  # fmt: skip
    told = json.loads(payers.state)
    assert (told["merchant_id"], told["merchant_name"]) == (
        session["merchant"]["id"], session["merchant"]["name"],
    )  # fmt: skip
    assert (payers.schema_version, told["session_id"]) == (3, session["id"])
    token = api.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens", {}).json()["token"]
    assert leaf_of(api, token, path) == payers
    for who, status in (("other_merchant", 404), ("other_wallet", 404), ("operator", 403)):
        assert api.call(who, "GET", path).status_code == status


def test_a_wallet_that_lost_the_race_gets_no_receipt(api: ApiFixture) -> None:
    session, loser = api.create_session(), api.open_wallet(who="other_wallet")
    claim = api.scan(session, loser, who="other_wallet").json()["claim"]["id"]
    path = f"/v1/payment-sessions/{session['id']}"
    api.call("other_wallet", "DELETE", f"{path}/claim")
    winner = api.open_wallet()
    mine = api.scan(session, winner).json()["claim"]["id"]
    assert api.pay(session, winner, mine).status_code == 200
    seal(api.url)

    assert claim
    assert api.call("other_wallet", "GET", path).status_code == 200
    assert api.call("other_wallet", "GET", f"{path}/receipt").status_code == 404
    assert api.call("other_wallet", "GET", f"{path}/receipts").status_code == 404


def test_a_refund_has_receipts_too(api: ApiFixture) -> None:
    session, wallet = api.create_paid_session()
    amount = {"minor": 300, "currency": "USD"}
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    refund = api.call("merchant", "POST", path, {"amount": amount}, key=str(uuid4())).json()
    receipt_path = f"/v1/refunds/{refund['id']}/receipt"
    early = api.call("merchant", "GET", receipt_path)
    seal(api.url)

    merchants, payers = leaf_of(api, "merchant", receipt_path), leaf_of(api, "wallet", receipt_path)

    assert (early.status_code, early.json()["code"]) == (503, "not-sealed")
    assert (merchants.topic, merchants.position) == ("refund.succeeded", refund["position"])
    assert refund["id"].encode() in merchants.state
    assert (payers.topic, payers.stream_id) == (
        "wallet.credited", ids.decode("wal", wallet).bytes,
    )  # fmt: skip
    for who in ("other_merchant", "other_wallet"):
        assert api.call(who, "GET", receipt_path).status_code == 404
    assert (
        api.call(
            "merchant", "GET", "/v1/refunds/ref_01h455vb4pex5vsknk084sn02q/receipt"
        ).status_code
        == 404
    )


def test_what_is_stored_in_the_database_is_what_is_served(api: ApiFixture) -> None:
    while api.position() < 300:
        api.open_wallet(0)
    seal(api.url)

    for path in ("0/000", "0/001.p/20", "1/000.p/1", "entries/000", "entries/001.p/20"):
        who = "auditor" if path.startswith("entries") else ""
        assert api.call(who, "GET", f"/v1/log/tile/{path}").status_code == 200
    for position in (1, 256, 257, 300):
        leaf = receipt.parse(
            api.call("auditor", "GET", f"/v1/log/proof?position={position}").content
        )
        assert leaf.verify().position == position


def test_the_metrics_say_how_far_the_log_is_sealed(api: ApiFixture) -> None:
    api.open_wallet(0)
    seal(api.url)
    sealed = api.call("operator", "GET", "/metrics").text
    api.open_wallet(0)
    more = api.call("operator", "GET", "/metrics").text

    position = float(api.position())
    assert f"qrledger_sealed_position {position - 1}\n" in sealed
    assert "qrledger_unsealed_seconds 0.0\n" in sealed
    assert f"qrledger_sealed_position {position - 1}\n" in more
    assert "qrledger_unsealed_seconds " in more
    assert api.call("", "GET", "/readyz").status_code == 200


def listed(api: ApiFixture, who: str, session: str) -> list[tuple[str, str, int, str, bool]]:
    found = api.call(who, "GET", f"/v1/payment-sessions/{session}/receipts")
    assert found.status_code == 200, found.text
    return [
        (one["of"], one["id"], one["amount"]["minor"], one["amount"]["currency"], one["sealed"])
        for one in found.json()["data"]
    ]


def test_the_list_of_receipts_says_which_are_sealed(api: ApiFixture) -> None:
    session, wallet = api.create_paid_session()
    seal(api.url)
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    body = {"amount": {"minor": 300, "currency": "USD"}}
    refund = api.call("merchant", "POST", path, body, key=str(uuid4())).json()["id"]
    token = api.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens", {}).json()["token"]
    before = [listed(api, who, session["id"]) for who in ("merchant", "auditor", "wallet", token)]
    seal(api.url)
    after = [listed(api, who, session["id"]) for who in ("merchant", "auditor", "wallet", token)]

    payment = ("payment", session["id"], 1000, "USD", True)
    assert before == [[("refund", refund, 300, "USD", False), payment]] * 4
    assert after == [[("refund", refund, 300, "USD", True), payment]] * 4
    urls = api.call(token, "GET", f"/v1/payment-sessions/{session['id']}/receipts").json()["data"]
    for one, topic in zip(urls, ("wallet.credited", "wallet.captured"), strict=True):
        assert (
            leaf_of(api, token, one["url"].removeprefix(api.settings.public_origin)).topic == topic
        )


def test_nobody_else_sees_which_receipts_there_are(api: ApiFixture) -> None:
    session, _ = api.create_paid_session()
    stranger = api.open_wallet()
    token = api.call("wallet", "POST", f"/v1/wallets/{stranger}/tokens", {}).json()["token"]
    path = f"/v1/payment-sessions/{session['id']}/receipts"
    unpaid = api.create_session()["id"]

    statuses = {
        who: api.call(who, "GET", path).status_code
        for who in ("other_merchant", "other_wallet", token, "operator", "")
    }
    of_unpaid = api.call("merchant", "GET", f"/v1/payment-sessions/{unpaid}/receipts")

    assert list(statuses.values()) == [404, 404, 404, 403, 401]
    assert (of_unpaid.status_code, of_unpaid.json()["code"]) == (409, "session-not-paid")
