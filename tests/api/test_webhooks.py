"""Webhooks over HTTP: endpoints, a real receiver, deliveries, tests, replays, rotation, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from domain.merchants.api_key import Role
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.receiver import Got, receiving

pytestmark = pytest.mark.postgres
ENDPOINTS = "/v1/webhook-endpoints"
URL = "https://hooks.example/ledger"


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    """A ledger that may call this machine."""
    with api_fixture(make_ledger(), webhook_loopback=True) as api:
        yield api


@pytest.fixture
def who(api: ApiFixture) -> str:
    """The key of a new merchant."""
    merchant = api.admin.register_merchant("New", ("shop.example",))
    return api.admin.issue_key(Role.MERCHANT, merchant).text


def add(api: ApiFixture, who: str, url: str = URL, **facts: Any) -> dict[str, Any]:
    response = api.call(who, "POST", ENDPOINTS, {"url": url, **facts})
    assert response.status_code == 201, response.text
    added: dict[str, Any] = response.json()
    return added


def deliveries(api: ApiFixture, who: str, query: str = "") -> list[dict[str, Any]]:
    response = api.call(who, "GET", f"/v1/webhook-deliveries{query}")
    assert response.status_code == 200, response.text
    listed: list[dict[str, Any]] = response.json()["data"]
    return listed


def told(calls: list[Got]) -> list[str]:
    return [json.loads(call.body)["type"] for call in calls]


def test_a_receiver_hears_of_a_payment_and_verifies_it(api: ApiFixture, who: str) -> None:
    with receiving() as receiver:
        endpoint = add(
            api, who, receiver.url, types=["payment_session.created", "payment_session.paid"]
        )
        session, wallet = api.create_session(who), api.open_wallet()
        claim = api.scan(session, wallet).json()["claim"]["id"]
        api.pay(session, wallet, claim)
        calls = receiver.wait_for(2)

        assert told(calls) == ["payment_session.created", "payment_session.paid"]
        for call in calls:
            Webhook(endpoint["secret"]).verify(call.body, dict(call.headers))
        created = json.loads(calls[0].body)["data"]
        assert created["seq"] == 1
        assert created["position"] == session["position"]
        assert created["session"]["metadata"] == {}
        assert created["session"]["checkout_url"] is None
        assert created["session"]["live_url"] is None

        wait_for(lambda: {row["status"] for row in deliveries(api, who)} == {"delivered"})
        newest, oldest = deliveries(api, who)
        shown = api.call(who, "GET", f"/v1/webhook-deliveries/{oldest['id']}").json()
        assert (newest["seq"], oldest["seq"]) == (3, 1)
        assert json.dumps(shown["body"]) == json.dumps(json.loads(calls[0].body))
        [attempt] = shown["latest_attempts"]
        assert (attempt["status"], attempt["answer"], attempt["url"]) == (200, "ok", receiver.url)
        sent = {name.lower(): value for name, value in attempt["request_headers"].items()}
        assert sent.pop("webhook-signature") == "v1,… v1a,…"
        assert sent.items() <= calls[0].headers.items()
        assert len(sent) == len(calls[0].headers) - 1


def test_a_session_names_its_own_callback_address(api: ApiFixture, who: str) -> None:
    rotated = api.call(who, "POST", "/v1/callback-secret/rotate").json()

    session = api.create_session(who, callback_url="https://shop.example/notify?till=3")

    wait_for(lambda: [row["attempts"] for row in deliveries(api, who)] != [])
    [row] = deliveries(api, who)
    assert rotated["secret"].startswith("whsec_")
    assert row["endpoint_id"] is None
    assert row["subject"] == session["id"]
    for url in ("https://other.example/", "http://shop.example/", "https://a@shop.example/"):
        body = {
            "order_id": str(uuid4()),
            "amount": {"minor": 1, "currency": "USD"},
            "callback_url": url,
        }
        response = api.call(who, "POST", "/v1/payment-sessions", body)
        assert response.status_code == 400, url
        assert response.json()["invalid_params"][0]["name"] == "callback_url"


def test_a_test_event_and_a_redelivery_and_a_replay_are_sent(api: ApiFixture, who: str) -> None:
    with receiving() as receiver:
        endpoint = add(api, who, receiver.url)
        path = f"{ENDPOINTS}/{endpoint['id']}"
        tested = api.call(who, "POST", f"{path}/test")
        [call] = receiver.wait_for(1)
        assert tested.status_code == 202
        assert json.loads(call.body)["type"] == "webhook.test"
        assert call.headers["webhook-id"] == tested.json()["id"]

        session = api.create_session(who)
        [_, first] = receiver.wait_for(2)
        [row] = [one for one in deliveries(api, who) if one["type"] != "webhook.test"]
        again = api.call(who, "POST", f"/v1/webhook-deliveries/{row['id']}/redeliver")
        replay = api.call(who, "POST", f"{path}/replay", {"after": session["position"] - 1})
        calls = receiver.wait_for(4)

    assert (again.status_code, replay.status_code) == (202, 202)
    assert {one.headers["webhook-id"] for one in calls[1:]} == {first.headers["webhook-id"]}
    assert {one.body for one in calls[1:]} == {first.body}


def test_while_a_secret_rotates_both_sign(api: ApiFixture, who: str) -> None:
    with receiving() as receiver:
        first = add(api, who, receiver.url)
        path = f"{ENDPOINTS}/{first['id']}"

        second = api.call(who, "POST", f"{path}/rotate-secret", key="k").json()
        again = api.call(who, "POST", f"{path}/rotate-secret", key="k").json()
        third = api.call(who, "POST", f"{path}/rotate-secret")
        api.call(who, "POST", f"{path}/test")
        [call] = receiver.wait_for(1)

        for secret in (first["secret"], second["secret"]):
            Webhook(secret).verify(call.body, dict(call.headers))
        assert again["secret"] == second["secret"]
        assert (third.status_code, third.json()["code"]) == (409, "secret-rotating")

        at_once = api.call(who, "POST", f"{path}/rotate-secret?overlap_seconds=0").json()
        api.call(who, "POST", f"{path}/test")
        call = receiver.wait_for(2)[1]

        Webhook(at_once["secret"]).verify(call.body, dict(call.headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(second["secret"]).verify(call.body, dict(call.headers))


def test_an_endpoint_is_listed_changed_paused_and_deleted(api: ApiFixture, who: str) -> None:
    added = add(api, who)
    path = f"{ENDPOINTS}/{added['id']}"

    changed = api.call(
        who, "PATCH", path, {"url": f"{URL}/2", "types": ["refund.succeeded"]}
    ).json()
    paused = api.call(who, "PATCH", path, {"status": "paused"}).json()
    test = api.call(who, "POST", f"{path}/test")
    listed = api.call(who, "GET", ENDPOINTS).json()
    deleted = api.call(who, "DELETE", path)

    assert (changed["url"], changed["types"]) == (f"{URL}/2", ["refund.succeeded"])
    assert paused["status"] == "paused"
    assert (test.status_code, test.json()["code"]) == (409, "endpoint-not-enabled")
    assert listed == {"data": [paused], "next_cursor": None}
    assert "secret" not in paused
    assert deleted.status_code == 200
    assert api.call(who, "GET", path).status_code == 404
    assert api.call(who, "DELETE", path).status_code == 404


def test_a_repeated_request_shows_the_same_endpoint_and_secret(api: ApiFixture, who: str) -> None:
    first = api.call(who, "POST", ENDPOINTS, {"url": URL}, key="k")
    again = api.call(who, "POST", ENDPOINTS, {"url": URL}, key="k")

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"


def test_there_are_at_most_20(api: ApiFixture, who: str) -> None:
    for number in range(20):
        add(api, who, f"{URL}/{number}")

    response = api.call(who, "POST", ENDPOINTS, {"url": URL})

    assert (response.status_code, response.json()["code"]) == (409, "endpoint-limit")


BAD = [
    ("url", {"url": "http://hooks.example/"}),
    ("url", {"url": "https://user@hooks.example/"}),
    ("url", {"url": "https://hooks.example:22/"}),
    ("url", {"url": "ftp://hooks.example/"}),
    ("url", {"url": "https://2130706433/"}),
    ("url", {"url": "https://[fe80::1%25eth0]/"}),
    ("url", {"url": "https://hooks.example/" + "a" * 1979}),
    ("url", {"url": 7}),
    ("types", {"url": URL, "types": ["payment_session.stolen"]}),
    ("types", {"url": URL, "types": ["*", "*"]}),
    ("types", {"url": URL, "types": []}),
    ("types[0]", {"url": URL, "types": ["a\0"]}),
    ("secret", {"url": URL, "secret": "whsec_mine"}),
]


@pytest.mark.parametrize(("name", "body"), BAD)
def test_a_bad_endpoint_is_refused_by_name(
    api: ApiFixture, who: str, name: str, body: dict[str, Any]
) -> None:
    response = api.call(who, "POST", ENDPOINTS, body)

    assert response.status_code == 400, response.text
    assert response.json()["invalid_params"][0]["name"] == name
    assert api.call(who, "GET", ENDPOINTS).json()["data"] == []


def test_a_replay_from_the_future_is_refused(api: ApiFixture, who: str) -> None:
    path = f"{ENDPOINTS}/{add(api, who)['id']}/replay"

    response = api.call(who, "POST", path, {"after": api.position() + 1000})

    assert response.status_code == 400
    assert response.json()["invalid_params"][0]["name"] == "after"


def test_another_merchant_neither_sees_nor_changes_them(api: ApiFixture, who: str) -> None:
    with receiving() as receiver:
        endpoint = add(api, who, receiver.url)
        api.create_session(who)
        receiver.wait_for(1)
        [row] = deliveries(api, who)
    path, other = f"{ENDPOINTS}/{endpoint['id']}", "other_merchant"

    assert api.call(other, "GET", path).status_code == 404
    assert api.call(other, "PATCH", path, {"status": "paused"}).status_code == 404
    assert api.call(other, "DELETE", path).status_code == 404
    assert api.call(other, "POST", f"{path}/rotate-secret").status_code == 404
    assert api.call(other, "POST", f"{path}/test").status_code == 404
    assert api.call(other, "POST", f"{path}/replay", {"after": 0}).status_code == 404
    assert api.call(other, "GET", f"/v1/webhook-deliveries/{row['id']}").status_code == 404
    again = f"/v1/webhook-deliveries/{row['id']}/redeliver"
    assert api.call(other, "POST", again).status_code == 404
    assert deliveries(api, other) == []
    assert deliveries(api, other, f"?endpoint={endpoint['id']}") == []


def test_deliveries_are_listed_by_status_page_by_page(api: ApiFixture, who: str) -> None:
    with receiving() as receiver:
        add(api, who, receiver.url)
        for _ in range(3):
            api.create_session(who)
        receiver.wait_for(3)
    wait_for(lambda: len(deliveries(api, who, "?status=delivered")) == 3)

    first = api.call(who, "GET", "/v1/webhook-deliveries?limit=2").json()
    rest = api.call(who, "GET", f"/v1/webhook-deliveries?cursor={first['next_cursor']}").json()

    assert len({row["id"] for row in first["data"] + rest["data"]}) == 3
    assert rest["next_cursor"] is None
    assert deliveries(api, who, "?status=failed") == []


def test_deliveries_are_filtered_by_endpoint_type_and_time(api: ApiFixture, who: str) -> None:
    with receiving() as receiver:
        first = add(api, who, receiver.url)["id"]
        second = add(api, who, receiver.url, types=["payment_session.cancelled"])["id"]
        session = api.create_session(who, callback_url="https://shop.example/notify")
        api.call(who, "POST", f"/v1/payment-sessions/{session['id']}/cancel")
        receiver.wait_for(3)
    wait_for(lambda: len(deliveries(api, who)) == 5)
    cancelled, created = "payment_session.cancelled", "payment_session.created"

    def found(**filters: str) -> list[tuple[str | None, str]]:
        query = urlencode(filters)
        return sorted(
            ((row["endpoint_id"] or "", row["type"]) for row in deliveries(api, who, f"?{query}")),
            key=str,
        )

    at = deliveries(api, who)[-1]["created_at"]
    assert found(endpoint=second) == [(second, cancelled)]
    assert found(type=created) == sorted([("", created), (first, created)])
    assert found(type=created, endpoint="callback") == [("", created)]
    assert found(endpoint="callback") == [("", cancelled), ("", created)]
    assert found(created_to=at) == []
    assert len(found(created_from=at)) == 5
    assert found(created_from="2099-01-01T00:00:00Z", status="delivered") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "sent"), ("status", ""), ("endpoint", "whe_1"), ("endpoint", "callback "),
        ("endpoint", "ps_01h455vb4pex5vsknk084sn02q"), ("type", "payment_session.stolen"),
        ("type", "*"), ("created_from", "yesterday"), ("created_to", "2026-11-22T12:00:00"),
        ("cursor", "x"), ("limit", "101"), ("target", "callback"), ("type", "a\0"),
    ],
)  # fmt: skip
def test_a_bad_filter_is_refused_by_name(api: ApiFixture, who: str, name: str, value: str) -> None:
    response = api.call(who, "GET", f"/v1/webhook-deliveries?{urlencode({name: value})}")

    assert response.status_code == 400, response.text
    assert response.json()["invalid_params"][0]["name"] == name


def test_no_secret_is_in_the_database(api: ApiFixture, who: str) -> None:
    endpoint = add(api, who)

    events = api.call("auditor", "GET", "/v1/events?type=webhook_endpoint.added&limit=100").text

    assert endpoint["id"] in events
    assert "whsec_" not in events
    assert endpoint["secret"].removeprefix("whsec_") not in events
