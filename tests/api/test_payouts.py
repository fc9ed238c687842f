"""Payouts over HTTP: asked for, read, listed; another's, too much, without a destination."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from domain.merchants.api_key import Role
from tests.faults.test_database_away import wait_for
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.payouts_fixture import DESTINATION, ask, register_destination

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    """A ledger whose workers run, with a merchant that has earned 100.00."""
    with api_fixture(make_ledger()) as api:
        for merchant in api.merchants:
            register_destination(api, merchant)
        for _ in range(10):
            api.create_paid_session()
        yield api


def earn(api: ApiFixture) -> str:
    """A new merchant with a destination and 10.00; returns its key."""
    merchant = api.admin.register_merchant("New", ("shop.example",))
    register_destination(api, merchant)
    key = api.admin.issue_key(Role.MERCHANT, merchant).text
    session, wallet = api.create_session(key), api.open_wallet()
    claim = api.scan(session, wallet).json()["claim"]["id"]
    assert api.pay(session, wallet, claim).status_code == 200
    return key


def payouts_requested(api: ApiFixture) -> int:
    """How many there are; the worker records more of them at any time, so no position is compared."""
    events = api.call("auditor", "GET", "/v1/events?type=payout.requested&limit=100").json()
    return len(events["data"])


def test_a_payout_is_requested_and_read_at_once(api: ApiFixture) -> None:
    key = earn(api)

    response = ask(api, 250, key)

    payout = response.json()
    assert response.status_code == 201, response.text
    assert payout == {
        "object": "payout",
        "livemode": False,
        "id": payout["id"],
        "merchant_id": payout["merchant_id"],
        "status": "requested",
        "amount": {"minor": 250, "currency": "USD", "exponent": 2, "display": "$2.50"},
        "destination": DESTINATION,
        "reason": None,
        "bank_reference": None,
        "created_at": payout["created_at"],
        "position": int(response.headers["Ledger-Position"]),
    }
    path = f"/v1/payouts/{payout['id']}"
    for who in (key, "auditor", "operator"):
        read = api.call(who, "GET", path).json()
        assert {**read, **dict.fromkeys(CHANGING)} == {**payout, **dict.fromkeys(CHANGING)}
    assert api.call("other_merchant", "GET", path).status_code == 404
    assert api.call("wallet", "GET", path).status_code == 403


CHANGING = ("status", "bank_reference", "position", "reason")
"""What the workers may have changed meanwhile."""


def test_a_repeated_request_gets_the_first_payout_and_another_body_is_refused(
    api: ApiFixture,
) -> None:
    merchant, key = earn(api), str(uuid4())

    first, again = (ask(api, 300, merchant, key) for _ in range(2))
    other = ask(api, 301, merchant, key)

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


def test_a_payout_needs_an_idempotency_key(api: ApiFixture) -> None:
    body = {"amount": {"minor": 1, "currency": "USD"}}

    response = api.call("merchant", "POST", "/v1/payouts", body)

    assert (response.status_code, response.json()["code"]) == (400, "idempotency-key-required")


def test_more_than_was_earned_is_refused_once_the_credits_are_counted(api: ApiFixture) -> None:
    merchant, key = earn(api), str(uuid4())

    refused, again = (ask(api, 1001, merchant, key) for _ in range(2))
    rest = ask(api, 1000, merchant)
    nothing = ask(api, 1, merchant)

    assert (refused.status_code, refused.json()["code"]) == (422, "payable-insufficient")
    assert refused.json()["available_minor"] == 1000
    assert again.json()["code"] == "payable-insufficient"
    assert rest.status_code == 201
    assert (nothing.status_code, nothing.json()["available_minor"]) == (422, 0)


def test_without_a_destination_in_the_currency_there_is_no_payout(api: ApiFixture) -> None:
    response = ask(api, 100, currency="EUR")

    assert (response.status_code, response.json()["code"]) == (422, "no-payout-destination")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({"amount": {"minor": 0, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": -5, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": 10**12, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": 10**400, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": 1.0, "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": "5", "currency": "USD"}}, "amount.minor"),
        ({"amount": {"minor": 5, "currency": "usd"}}, "amount.currency"),
        ({"amount": {"minor": 5, "currency": "HRK"}}, "amount.currency"),
        ({"amount": {"minor": 5, "currency": "USD", "exponent": 2}}, "amount.exponent"),
        ({"amount": {"minor": 5, "currency": "USD"}, "destination": "mine"}, "destination"),
    ],
)
def test_a_bad_payout_is_refused_by_the_name_of_its_field(
    api: ApiFixture, body: Any, field: str
) -> None:
    before = payouts_requested(api)

    response = api.call("merchant", "POST", "/v1/payouts", body, key=str(uuid4()))

    assert (response.status_code, response.json()["code"]) == (400, "invalid-request")
    if field != "amount.minor" or body["amount"]["minor"] != 10**400:
        assert [one["name"] for one in response.json()["invalid_params"]] == [field]
    assert payouts_requested(api) == before


def test_payouts_are_listed_newest_first_page_by_page(api: ApiFixture) -> None:
    merchant = earn(api)
    made = [ask(api, 10 + number, merchant).json() for number in range(5)]
    at_least = made[-1]["position"]
    path = f"/v1/payouts?limit=2&at_least={at_least}"

    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.call(merchant, "GET", path + (f"&cursor={cursor}" if cursor else "")).json()
        pages.append([one["id"] for one in page["data"]])
        cursor = page["next_cursor"]

    ids = [payout["id"] for payout in reversed(made)]
    assert pages == [ids[:2], ids[2:4], ids[4:]]


def test_lists_are_filtered_and_each_merchant_sees_its_own(api: ApiFixture) -> None:
    merchant = earn(api)
    payout = ask(api, 77, merchant).json()
    at_least, owner = payout["position"], payout["merchant_id"]

    def found(who: str, query: str) -> list[str]:
        response = api.call(who, "GET", f"/v1/payouts?at_least={at_least}&{query}")
        assert response.status_code == 200, response.text
        return [one["id"] for one in response.json()["data"]]

    assert found(merchant, "currency=USD") == [payout["id"]]
    assert found(merchant, "currency=EUR") == []
    assert found(merchant, f"merchant={owner}") == [payout["id"]]
    assert found("auditor", f"merchant={owner}") == [payout["id"]]
    assert payout["id"] in found("operator", "limit=100")
    assert payout["id"] not in found("other_merchant", "limit=100")
    foreign = api.call("other_merchant", "GET", f"/v1/payouts?merchant={owner}")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not-found")


def test_the_operator_moves_money_and_never_more_than_there_is(api: ApiFixture) -> None:
    def move(direction: str, minor: int, who: str = "operator", **facts: Any) -> Any:
        body = {
            "kind": "own_funds",
            "direction": direction,
            "amount": {"minor": minor, "currency": "JPY"},
            "reference": "T-1",
            **facts,
        }
        return api.call(who, "POST", "/v1/treasury/moves", body, key=str(uuid4()))

    moved = move("in", 500)
    refused = move("out", 501)

    assert moved.status_code == 201, moved.text
    assert moved.json() == {
        "object": "treasury_move",
        "livemode": False,
        "kind": "own_funds",
        "direction": "in",
        "amount": {"minor": 500, "currency": "JPY", "exponent": 0, "display": "¥500"},
        "reference": "T-1",
        "position": int(moved.headers["Ledger-Position"]),
    }
    assert (refused.status_code, refused.json()["code"]) == (422, "treasury-insufficient")
    assert refused.json()["funds_minor"] == 500
    assert move("out", 500).status_code == 201
    assert move("in", 5, kind="fees").json()["invalid_params"][0]["name"] == "kind"
    assert move("in", 5, "merchant").status_code == 403


@pytest.mark.parametrize(("minor", "status"), [(100, "sent"), (93, "returned")])
def test_the_worker_sends_a_payout_and_returns_one_that_the_bank_refuses(
    api: ApiFixture, minor: int, status: str
) -> None:
    merchant = earn(api)
    payout = ask(api, minor, merchant).json()
    path = f"/v1/payouts/{payout['id']}"

    wait_for(lambda: api.call(merchant, "GET", path).json()["status"] == status)

    ended = api.call(merchant, "GET", path).json()
    refused = status == "returned"
    assert ended["reason"] == ("the account is closed" if refused else None)
    assert (ended["bank_reference"] is None) == refused
    assert ended["position"] > payout["position"]
    wait_for(
        lambda: api.call(merchant, "GET", f"/v1/payouts?status={status}").json()["data"] == [ended]
    )
    assert ask(api, 1000, merchant).status_code == (201 if refused else 422)
