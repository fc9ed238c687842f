"""Queries: lists, events, the log, images, the public part, ETags."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from httpx import Response

from projections._read_model import all_models
from tests.support.api_fixture import ApiFixture
from tests.support.read_pictures import from_png, read

pytestmark = pytest.mark.postgres


def test_the_etag_of_a_session_changes_with_the_session(api: ApiFixture) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    path = f"/v1/payment-sessions/{session['id']}"
    first = api.call("merchant", "GET", path)
    tag = first.headers["ETag"]

    same = api.call("merchant", "GET", path, If_None_Match=f'"x", W/{tag}')
    api.scan(session, wallet)
    moved = api.call("merchant", "GET", path, If_None_Match=tag)

    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == tag
    assert (moved.status_code, moved.json()["status"]) == (200, "scanned")
    assert moved.headers["ETag"] != tag


def test_only_auditors_see_who_caused_an_event(api: ApiFixture) -> None:
    session, _ = api.create_paid_session()
    path = f"/v1/payment-sessions/{session['id']}/events"

    whole, shop = (api.call(who, "GET", path).json()["data"] for who in ("auditor", "merchant"))

    hidden = {"schema_version", "command_id", "actor", "trace_id"}
    assert [event["type"] for event in shop][-1] == "payment_session.paid"
    assert [event.pop("livemode") for event in shop] == [False] * len(whole)
    assert shop == [{k: v for k, v in event.items() if k not in hidden} for event in whole]
    assert all(hidden <= event.keys() for event in whole)


def test_the_merchants_list(api: ApiFixture) -> None:
    made = [api.create_session("other_merchant") for _ in range(5)]
    position = made[-1]["position"]

    def page(query: str) -> dict[str, object]:
        response = api.call("other_merchant", "GET", f"/v1/payment-sessions?{query}")
        assert response.status_code == 200, response.text
        document: dict[str, object] = response.json()
        return document

    first = page(f"limit=2&at_least={position}")
    api.create_session("other_merchant")
    second = page(f"limit=2&cursor={first['next_cursor']}")
    third = page(f"limit=100&cursor={second['next_cursor']}")

    def ids_of(page: dict[str, object]) -> list[str]:
        data = page["data"]
        assert isinstance(data, list)
        return [row["id"] for row in data]

    ids = [session["id"] for session in reversed(made)]
    assert ids_of(first) + ids_of(second) == ids[:4]
    assert ids_of(third)[0] == ids[4]
    assert third["next_cursor"] is None
    row = first["data"][0]  # type: ignore[index]
    assert set(row) == set(made[0])
    assert {k: row[k] for k in ("qr", "amount", "created_at")} == {
        k: made[-1][k] for k in ("qr", "amount", "created_at")
    }
    assert ids_of(page(f"order_id={made[2]['order_id']}")) == [made[2]["id"]]
    assert ids_of(page("status=paid")) == []
    assert ids_of(page("currency=EUR")) == []
    since, until = made[1]["created_at"], made[3]["created_at"]
    assert ids_of(page(f"created_from={since}&created_to={until}")) == ids[2:4]


def test_the_lists_show_a_payment(api: ApiFixture) -> None:
    paid, wallet = api.create_paid_session()
    query = f"order_id={paid['order_id']}&status=paid&at_least={paid['position']}"

    [row] = api.call("merchant", "GET", f"/v1/payment-sessions?{query}").json()["data"]

    current = api.call("merchant", "GET", f"/v1/payment-sessions/{paid['id']}").json()
    unlike: dict[str, Any] = {"server_time": None, "checkout_url": None, "live_url": None}
    assert row | {"server_time": None} == current | unlike
    payments = api.call(
        "wallet", "GET", f"/v1/wallets/{wallet}/payments?at_least={paid['position']}"
    )
    [payment] = payments.json()["data"]
    assert payment["session_id"] == paid["id"]
    assert payment["merchant"]["name"] == "Cafe"
    assert payment["paid_at"] == paid["paid"]["paid_at"]
    assert api.call("other_wallet", "GET", f"/v1/wallets/{wallet}/payments").status_code == 404


@pytest.mark.parametrize(
    ("query", "name"),
    [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("limit=1&limit=2", "limit"),
     ("cursor=xyz", "cursor"), ("cursor=MQ", "cursor"), ("cursor=%00", "cursor"),
     ("status=gone", "status"), ("created_from=yesterday", "created_from"),
     ("created_from=2026-01-01T00:00:00", "created_from"), ("at_least=-1", "at_least"),
     ("merchant=mer_1", "merchant"), ("currency=usd", "currency"), ("order_id=", "order_id")],
)  # fmt: skip
def test_an_invalid_query_parameter_is_named(api: ApiFixture, query: str, name: str) -> None:
    response = api.call("merchant", "GET", f"/v1/payment-sessions?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid-request")
    assert response.json()["invalid_params"][0]["name"] == name


def test_the_log_is_listed_in_order_and_completely(api: ApiFixture) -> None:
    paid, _ = api.create_paid_session()
    history = api.call("merchant", "GET", f"/v1/payment-sessions/{paid['id']}/events").json()

    types = [event["type"] for event in history["data"]]
    assert types == ["payment_session.created", "payment_session.scanned", "payment_session.paid"]
    assert [event["version"] for event in history["data"]] == [1, 2, 3]
    assert history["data"][-1]["position"] == paid["position"]
    seen: list[int] = []
    after = 0
    while True:
        page = api.call("auditor", "GET", f"/v1/events?after={after}&limit=100").json()
        seen += [event["position"] for event in page["data"]]
        if page["next_cursor"] is None:
            break
        after = int(page["next_cursor"])
    assert seen == list(range(1, api.position() + 1))
    [event] = api.call("auditor", "GET", f"/v1/events?after={paid['position'] - 1}&limit=1").json()[
        "data"
    ]
    assert event["subject"] == paid["id"]
    assert event["data"]["amount_minor"] == 1000
    assert event["id"].startswith("evt_")
    query = f"type=payment_session.paid&session={paid['id']}"
    assert len(api.call("auditor", "GET", f"/v1/events?{query}").json()["data"]) == 1
    paids = api.call("auditor", "GET", "/v1/events?type=payment_session.paid&limit=100").json()
    assert {event["type"] for event in paids["data"]} == {"payment_session.paid"}


def test_the_log_contains_no_key(api: ApiFixture) -> None:
    text = "".join(
        api.call("auditor", "GET", f"/v1/events?after={after}&limit=100").text
        for after in range(0, api.position(), 100)
    )

    for key in api.keys.values():
        assert key.rpartition("_")[2] not in text


@pytest.mark.parametrize("kind", ["svg", "png", "txt"])
def test_images_of_the_qr_code(api: ApiFixture, kind: str) -> None:
    session = api.create_session()

    response = api.call("", "GET", f"/v1/payment-sessions/{session['id']}/qr.{kind}")
    missing = api.call("", "GET", f"/v1/payment-sessions/ps_{'0' * 26}/qr.{kind}")
    small = api.call("", "GET", f"/v1/payment-sessions/{session['id']}/qr.{kind}?border=3")

    assert response.status_code == 200
    assert "immutable" in response.headers["Cache-Control"]
    assert (missing.status_code, small.status_code) == (404, 400)
    if kind == "png":
        assert read(from_png(response.content)) == session["qr"]["payload"]


def test_the_url_in_the_qr_code_returns_only_the_public_part(api: ApiFixture) -> None:
    session, wallet = api.create_session(metadata={"secret": "m"}), api.open_wallet()
    api.scan(session, wallet)
    suffix = session["id"][3:]

    responses = [
        api.call("", "GET", path, Accept="application/json")
        for path in (
            f"/q/{suffix}",
            f"/Q/{suffix.upper()}",
            f"/q/{session['id']}",
            f"/Q/PS_{suffix}",
        )
    ]

    for response in responses:
        assert response.status_code == 200
        assert set(response.json()) == {
            "object", "id", "livemode", "status", "version", "merchant", "amount", "description",
            "created_at", "expires_at", "expires_in_seconds", "server_time", "paid_at",
        }  # fmt: skip
        assert response.json()["merchant"] == {"name": "Cafe"}
        assert wallet not in response.text
    tag = responses[0].headers["ETag"]
    assert api.call("", "GET", f"/q/{suffix}", If_None_Match=tag).status_code == 304
    for unknown in ("0" * 26, "x", "u" * 26, "%00"):
        assert api.call("", "GET", f"/q/{unknown}").status_code == 404


def test_a_checkout_token_is_valid_for_one_session_and_cancels_only_if_the_merchant_allows(
    api: ApiFixture,
) -> None:
    allowed = api.create_session(checkout_may_cancel=True, return_url="https://shop.example/back")
    plain = api.create_session()
    base = api.settings.public_origin

    def path(session: dict[str, str], suffix: str = "") -> str:
        address, _, query = session["checkout_url"].removeprefix(base).partition("?")
        return f"{address}{suffix}?{query}"

    shown = api.call("", "GET", path(allowed))
    token = allowed["checkout_url"].partition("token=")[2]

    assert shown.json()["order_id"] == allowed["order_id"]
    assert shown.json()["return_url"] == "https://shop.example/back"
    assert api.call("", "GET", f"/checkout/{plain['id']}?token={token}").status_code == 401
    assert api.call("", "GET", f"/checkout/ps_{'0' * 26}?token={token}").status_code == 401
    assert api.call("", "GET", f"/checkout/{plain['id']}?token=0.0").status_code == 401
    assert api.call("", "GET", f"/checkout/{plain['id']}").status_code == 400
    assert api.call("", "POST", path(plain, "/cancel")).status_code == 403
    live = allowed["live_url"].partition("token=")[2]
    assert api.call("", "POST", f"/checkout/{allowed['id']}/cancel?token={live}").status_code == 401
    for who in ("wallet", "auditor"):
        api.scan(allowed, api.open_wallet())
        seen = api.call(who, "GET", f"/v1/payment-sessions/{allowed['id']}").json()
        assert (seen["checkout_url"], seen["live_url"]) == (None, allowed["live_url"])
    cancelled = api.call("", "POST", path(allowed, "/cancel"))
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


def test_health_readiness_and_metrics(api: ApiFixture) -> None:
    api.create_paid_session()

    assert api.call("", "GET", "/healthz").json() == {"status": "ok"}
    ready = wait_for(lambda: api.call("", "GET", "/readyz"), lambda r: r.status_code == 200)
    names = {model["name"] for model in ready.json()["read_models"]}
    assert names == {model.name for model in all_models()}
    assert {"sessions", "wallet_payments"} <= names
    assert api.call("", "GET", "/metrics").status_code == 401  # the test client has no address
    metrics = api.call("operator", "GET", "/metrics").text
    assert 'qrledger_verdicts_total{verdict="recorded"}' in metrics
    assert "qrledger_lag_seconds" in metrics
    assert api.call("merchant", "GET", "/metrics").status_code == 403


def wait_for(request: Callable[[], Response], good: Callable[[Response], bool]) -> Response:
    until = time.monotonic() + 20
    while not good(response := request()) and time.monotonic() < until:
        time.sleep(0.05)
    assert good(response)
    return response


def test_the_documents_agree_and_load_nothing_from_other_hosts(api: ApiFixture) -> None:
    document = api.call("", "GET", "/openapi.json").json()
    page = api.call("", "GET", "/docs")

    assert document["openapi"].startswith("3.1")
    assert page.status_code == 200
    assert re.findall(r"<script[^>]*>", page.text) == [
        '<script type="module" src="/static/docs.js">'
    ]
    assert "//" not in page.text.replace("<!doctype", "").split("<main")[0]
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert api.call("", "GET", "/static/docs.js").status_code == 200
    assert api.call("", "GET", "/static/docs.css").status_code == 200
    assert api.call("", "GET", "/static/..%2Fapp.py").status_code == 404
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["operationId"] in page.text


def test_a_problem_type_can_be_looked_up(api: ApiFixture) -> None:
    problem = api.call("", "GET", f"/q/{uuid4()}").json()

    assert api.call("", "GET", problem["type"]).json()["code"] == "not-found"
    assert api.call("", "GET", "/problems/none").status_code == 404
