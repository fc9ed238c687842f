"""Lists of one's own: a merchant's events and sessions, an app's wallets. Nobody else's, ever."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.support.api_fixture import USD_10, ApiFixture

pytestmark = pytest.mark.postgres
SESSIONS, EVENTS, WALLETS = "/v1/payment-sessions", "/v1/events", "/v1/wallets"


def walk(api: ApiFixture, who: str, path: str, *, limit: int = 7) -> list[dict[str, Any]]:
    """Every item of a list, page by page."""
    found: list[dict[str, Any]] = []
    joint = "&" if "?" in path else "?"
    cursor = ""
    for _ in range(1000):
        page = api.call(who, "GET", f"{path}{joint}limit={limit}{cursor}").json()
        assert len(page["data"]) <= limit
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"
    raise AssertionError


def test_a_merchant_reads_its_own_events_and_no_others(api: ApiFixture) -> None:
    own, _ = api.create_paid_session()
    foreign = api.create_session("other_merchant")
    position = api.position()

    mine = walk(api, "merchant", f"{EVENTS}?at_least={position}")
    theirs = walk(api, "other_merchant", f"{EVENTS}?at_least={position}")

    types = [event["type"] for event in mine if event["subject"] == own["id"]]
    assert types == ["payment_session.created", "payment_session.scanned", "payment_session.paid"]
    assert foreign["id"] not in {event["subject"] for event in mine}
    assert foreign["id"] in {event["subject"] for event in theirs}
    assert not {event["id"] for event in mine} & {event["id"] for event in theirs}
    positions = [event["position"] for event in mine]
    assert positions == sorted(set(positions))
    assert {event["type"].partition(".")[0] for event in mine} <= {
        "payment_session", "refund", "dispute", "attempt", "payout", "static_code",
        "webhook_endpoint", "merchant", "webhook", "callback_secret",
    }  # fmt: skip
    assert set(mine[0]) == {
        "id", "position", "type", "subject", "version", "recorded_at", "livemode", "data",
    }  # fmt: skip


def test_an_event_is_the_auditors_without_who_caused_it(api: ApiFixture) -> None:
    own, _ = api.create_paid_session()
    after = own["position"] - 1

    [mine] = api.call(
        "merchant", "GET", f"{EVENTS}?after={after}&limit=1&at_least={own['position']}"
    ).json()["data"]
    [whole] = api.call("auditor", "GET", f"{EVENTS}?after={after}&limit=1").json()["data"]

    assert whole.keys() - mine.keys() == {"schema_version", "command_id", "actor", "trace_id"}
    assert mine.pop("livemode") is False
    assert mine.items() <= whole.items()


def test_a_merchant_filters_its_events_by_type_and_by_session(api: ApiFixture) -> None:
    own, _ = api.create_paid_session()
    foreign = api.create_session("other_merchant")
    at = f"at_least={api.position()}"

    paid = walk(api, "merchant", f"{EVENTS}?type=payment_session.paid&{at}")
    of_session = walk(api, "merchant", f"{EVENTS}?session={own['id']}", limit=2)

    assert own["id"] in {event["subject"] for event in paid}
    assert {event["type"] for event in paid} == {"payment_session.paid"}
    assert [event["version"] for event in of_session] == [1, 2, 3]
    refused = api.call("merchant", "GET", f"{EVENTS}?session={foreign['id']}")
    assert (refused.status_code, refused.json()["code"]) == (404, "not-found")


def test_a_merchant_gets_pages_also_if_it_prefers_lines(api: ApiFixture) -> None:
    answer = api.call("merchant", "GET", EVENTS, Accept="application/x-ndjson")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")


def test_a_position_that_is_not_reached_is_not_caught_up(
    api: ApiFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.v1.lists.CATCH_UP_SECONDS", 0.01)
    query = f"?at_least={api.position() + 1000}"

    for who, path in (("merchant", EVENTS), ("auditor", EVENTS), ("wallet", WALLETS)):
        answer = api.call(who, "GET", path + query)
        assert (answer.status_code, answer.json()["code"]) == (503, "not-caught-up")


def test_a_session_list_has_no_addresses_with_tokens(api: ApiFixture) -> None:
    made = api.create_session()

    listed = api.call("merchant", "GET", f"{SESSIONS}?at_least={made['position']}").json()["data"]

    assert made["checkout_url"]
    assert {(one["checkout_url"], one["live_url"]) for one in listed} == {(None, None)}
    assert listed[0]["qr"] == made["qr"]


def test_several_statuses_are_any_of_them(api: ApiFixture) -> None:
    order = str(uuid4())
    paid, _ = api.create_paid_session()
    created, cancelled = api.create_session(metadata={"o": order}), api.create_session()
    api.call("merchant", "POST", f"{SESSIONS}/{cancelled['id']}/cancel", {})
    at = f"at_least={api.position()}&limit=100"

    def found(*statuses: str) -> set[str]:
        query = "&".join(f"status={status}" for status in statuses)
        page = api.call("merchant", "GET", f"{SESSIONS}?{query}&{at}").json()["data"]
        assert {one["status"] for one in page} <= set(statuses)
        return {one["id"] for one in page} & {paid["id"], created["id"], cancelled["id"]}

    assert found("paid") == {paid["id"]}
    assert found("paid", "created") == {paid["id"], created["id"]}
    assert found("paid", "cancelled", "paid") == {paid["id"], cancelled["id"]}
    assert found("expired", "failed") == set()
    seven = ("created", "scanned", "processing", "paid", "expired", "cancelled", "failed")
    assert found(*seven) == {paid["id"], created["id"], cancelled["id"]}


@pytest.mark.parametrize(
    ("metadata", "asked", "expected"),
    [
        ({"till": "3", "shop": "é'\"%"}, {"till": "3"}, True),
        ({"till": "3", "shop": "é'\"%"}, {"till": "3", "shop": "é'\"%"}, True),
        ({"till": "3"}, {"till": "4"}, False),
        ({"till": "3"}, {"till": "3", "shop": "x"}, False),
        ({"till": "33"}, {"till": "3"}, False),
        ({"a]b[c": "x"}, {"a]b[c": "x"}, True),
        ({}, {"till": ""}, False),
    ],
)
def test_sessions_are_found_by_their_metadata(
    api: ApiFixture, metadata: dict[str, str], asked: dict[str, str], *, expected: bool
) -> None:
    made = api.create_session(metadata=metadata)
    foreign = api.create_session("other_merchant", metadata=metadata)
    query = "&".join(f"metadata[{quote(k)}]={quote(v)}" for k, v in asked.items())

    page = api.call("merchant", "GET", f"{SESSIONS}?{query}&at_least={api.position()}").json()

    ids = {one["id"] for one in page["data"]}
    assert (made["id"] in ids) is expected
    assert foreign["id"] not in ids


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("metadata=x", "metadata"),
        ("metadata[]=x", "metadata[]"),
        ("metadata[a]=1&metadata[a]=2", "metadata[a]"),
        (f"metadata[{'k' * 41}]=x", "metadata"),
        (f"metadata[a]={'x' * 501}", "metadata.a"),
        ("order_id[a]=x", "order_id[a]"),
        ("status=paid&status=payed", "status"),
        ("&".join(["status=paid"] * 8), "status"),
        ("order_id=1&order_id=2", "order_id"),
    ],
)
def test_an_odd_filter_is_refused_by_name(api: ApiFixture, query: str, name: str) -> None:
    response = api.call("merchant", "GET", f"{SESSIONS}?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid-request")
    assert response.json()["invalid_params"][0]["name"] == name


def test_an_app_lists_its_wallets_newest_first_with_their_balances(api: ApiFixture) -> None:
    older, newer = api.open_wallet(500), api.open_wallet(0, currency="EUR")
    foreign = api.open_wallet(700, who="other_wallet")
    at = f"at_least={api.position()}"

    mine = walk(api, "wallet", f"{WALLETS}?{at}", limit=3)
    euros = walk(api, "wallet", f"{WALLETS}?currency=EUR&{at}")

    ids = [wallet["id"] for wallet in mine]
    assert ids[:2] == [newer, older]
    assert foreign not in ids
    assert mine[1] == api.call("wallet", "GET", f"{WALLETS}/{older}").json()
    assert mine[1]["available"]["minor"] == 500
    assert {wallet["currency"] for wallet in euros} == {"EUR"}
    topped = {"amount": USD_10, "reference": str(uuid4())}
    api.call("wallet", "POST", f"{WALLETS}/{older}/top-ups", topped, key=str(uuid4()))
    assert walk(api, "wallet", WALLETS)[1]["available"]["minor"] == 1500


@pytest.mark.parametrize("who", ["merchant", "operator", "auditor"])
def test_only_apps_list_wallets(api: ApiFixture, who: str) -> None:
    assert api.call(who, "GET", WALLETS).status_code == 403
