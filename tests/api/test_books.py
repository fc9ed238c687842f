"""The questions about the books: balances, the journal, and what explains a balance."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from httpx import Response

from domain import ids
from domain.merchants.fee_plan import FeePlan
from tests.support.api_fixture import ApiFixture
from tests.support.books import set_plan

pytestmark = pytest.mark.postgres


def refund(api: ApiFixture, session: dict[str, Any], minor: int, currency: str = "USD") -> Any:
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    body = {"amount": {"minor": minor, "currency": currency}, "reason": "cold"}
    response = api.call("merchant", "POST", path, body, key=str(uuid4()))
    assert response.status_code == 201, response.text
    return response.json()


def get(api: ApiFixture, who: str, path: str, **query: Any) -> Response:
    query.setdefault("at_least", api.position())
    pairs = "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items())
    return api.call(who, "GET", f"/v1/{path}?{pairs}")


def set_fee(api: ApiFixture, plan: FeePlan) -> None:
    log = api.admin._event_log
    set_plan(log, ids.decode("mer", api.merchants[0]), "USD", plan)


def accounts(merchant: str) -> dict[str, str]:
    return {name: f"merchant:{merchant}:{name}" for name in ("payable", "reserved", "in_transit")}


def test_a_merchants_balance_is_the_sum_of_its_postings(api: ApiFixture) -> None:
    merchant = api.merchants[0]
    before = get(api, "merchant", "balance").json()
    [minor] = [row["payable"]["minor"] for row in before["data"] if row["currency"] == "USD"] or [0]
    paid, _ = api.create_paid_session()
    refund(api, paid, 300)

    found = get(api, "merchant", "balance")

    [usd] = [row for row in found.json()["data"] if row["currency"] == "USD"]
    assert usd["payable"]["minor"] == minor + 700
    assert usd["reserved"] == usd["in_transit"] == {
        "minor": 0, "currency": "USD", "exponent": 2, "display": "$0.00"
    }  # fmt: skip
    assert found.json()["position"] >= paid["position"]
    for who in ("auditor", "operator"):
        assert get(api, who, "balance", merchant=merchant).json() == found.json()


def test_a_merchant_without_a_payment_has_no_balance(api: ApiFixture) -> None:
    merchant = api.admin.register_merchant("Idle", ())

    found = get(api, "auditor", "balance", merchant=merchant)

    assert found.json()["data"] == []


def test_the_journal_shows_a_merchant_its_own_postings_only(api: ApiFixture) -> None:
    set_fee(api, FeePlan(basis_points=250, fixed_minor=5))
    start = api.position() + 1
    paid, wallet = api.create_paid_session()
    set_fee(api, FeePlan())

    [own] = get(api, "merchant", "journal", from_=start).json()["data"]
    [both] = [
        entry
        for entry in get(api, "auditor", "journal", from_=start).json()["data"]
        if entry["type"] == "payment_session.paid"
    ]

    payable = accounts(api.merchants[0])["payable"]
    lines = [(p["account"], p["side"], p["amount"]["minor"]) for p in own["postings"]]
    assert lines == [(payable, "credit", 1000), (payable, "debit", 30)]
    assert (own["subject"], own["type"]) == (paid["id"], "payment_session.paid")
    assert own["id"] == f"{own['position']}.1"
    events = api.call("auditor", "GET", f"/v1/events?after={own['position'] - 1}&limit=1").json()
    assert events["data"][0]["id"] == own["event_id"]
    lines = [(p["account"], p["side"], p["amount"]["minor"]) for p in both["postings"]]
    assert lines == [
        (f"wallet:{wallet}:available", "debit", 1000), (payable, "credit", 1000),
        (payable, "debit", 30), ("fees", "credit", 30),
    ]  # fmt: skip
    assert get(api, "other_merchant", "journal", from_=start).json()["data"] == []


def test_the_journal_is_paged_in_order_while_entries_arrive(api: ApiFixture) -> None:
    start = api.position() + 1
    made = [api.create_paid_session()[0]["id"] for _ in range(3)]

    first = get(api, "merchant", "journal", from_=start, limit=2).json()
    made.append(api.create_paid_session()[0]["id"])
    cursor = first["next_cursor"]
    second = get(api, "merchant", "journal", from_=start, limit=2, cursor=cursor).json()

    assert [entry["subject"] for entry in first["data"] + second["data"]] == made
    assert second["next_cursor"] is None


def test_a_range_is_half_open_in_positions_and_in_times(api: ApiFixture) -> None:
    start = api.position() + 1
    for _ in range(3):
        api.create_paid_session()
    one, two, three = get(api, "merchant", "journal", from_=start).json()["data"]

    def between(start: Any, end: Any) -> list[Any]:
        page = get(api, "merchant", "journal", from_=start, to=end).json()
        return [entry["position"] for entry in page["data"]]

    by_position = between(one["position"], three["position"])
    by_time = between(one["recorded_at"], three["recorded_at"])
    assert by_position == by_time == [one["position"], two["position"]]
    assert between(one["position"], one["position"]) == []
    assert between(three["recorded_at"], "2999-01-01T00:00:00Z") == [three["position"]]


def test_the_journal_of_one_account(api: ApiFixture) -> None:
    start = api.position() + 1
    paid, wallet = api.create_paid_session()
    name = f"wallet:{wallet}:available"

    found = get(api, "auditor", "journal", account=name, from_=start).json()["data"]

    assert [entry["type"] for entry in found] == ["wallet.topped_up", "payment_session.paid"]
    assert [p["account"] for p in found[0]["postings"]] == ["bank:safeguarded", name]
    own = get(
        api, "merchant", "journal", account=accounts(api.merchants[0])["payable"], from_=start
    )
    assert [entry["subject"] for entry in own.json()["data"]] == [paid["id"]]


def test_a_balance_is_explained_by_its_entries(api: ApiFixture) -> None:
    payable = accounts(api.merchants[0])["payable"]
    paid, _ = api.create_paid_session()
    middle = api.position()
    refund(api, paid, 250)

    now = get(api, "merchant", "explain", account=payable, currency="USD", limit=1).json()
    api.create_paid_session()
    then = get(api, "auditor", "explain", account=payable, currency="USD", at=middle).json()
    cursor = now["next_cursor"]
    more = get(api, "merchant", "explain", account=payable, currency="USD", cursor=cursor).json()

    [last] = now["data"]
    assert (last["type"], last["change"]["minor"]) == ("refund.succeeded", -250)
    assert last["balance"] == now["balance"]
    assert now["balance"]["minor"] == then["balance"]["minor"] - 250
    assert then["at"] == middle
    assert then["data"][0]["subject"] == paid["id"]
    assert (more["at"], more["balance"]) == (now["at"], now["balance"])
    assert more["data"][0] == then["data"][0] | {"postings": more["data"][0]["postings"]}
    total = sum(entry["change"]["minor"] for entry in then["data"])
    assert then["next_cursor"] or total == then["balance"]["minor"]


def test_a_balance_is_explained_at_a_time(api: ApiFixture) -> None:
    payable = accounts(api.merchants[0])["payable"]
    paid, _ = api.create_paid_session()
    api.create_paid_session()
    entries = get(api, "merchant", "explain", account=payable, currency="USD").json()["data"]
    at = entries[0]["recorded_at"]

    then = get(api, "merchant", "explain", account=payable, currency="USD", at=at).json()
    later = get(
        api, "merchant", "explain", account=payable, currency="USD", at="2999-01-01T00:00:00Z"
    ).json()

    assert then["balance"] == entries[1]["balance"]
    assert then["data"][0]["subject"] == paid["id"]
    assert later["balance"] == entries[0]["balance"]


@pytest.mark.parametrize(
    ("who", "query", "code"),
    [("merchant", "balance?merchant={1}", "not-found"), ("auditor", "balance", "invalid-request"),
     ("auditor", "balance?merchant=mer_01h455vb4pex5vsknk084sn02q", "not-found"),
     ("auditor", "balance?merchant=mer_1", "invalid-request"),
     ("merchant", "journal?account=merchant:{1}:payable", "not-found"),
     ("merchant", "journal?account=bank:safeguarded", "not-found"),
     ("merchant", "journal?account=merchant:{0}:available", "invalid-request"),
     ("merchant", "journal?account=fees%00", "invalid-request"),
     ("merchant", "journal?account=" + "x" * 81, "invalid-request"),
     ("auditor", "journal?account=wallet:wal_01h455vb4pex5vsknk084sn02q:held", "not-found"),
     ("auditor", "journal?account=merchant:mer_01h455vb4pex5vsknk084sn02q:payable", "not-found"),
     ("merchant", "journal?from=9&to=8", "invalid-request"),
     ("merchant", "journal?from=2999-01-01T00:00:00Z&to=2998-01-01T00:00:00Z", "invalid-request"),
     ("merchant", "journal?from=-1", "invalid-request"), ("merchant", "journal?from=1e3", "invalid-request"),
     ("merchant", "journal?from=9223372036854775807", "invalid-request"),
     ("merchant", "journal?to=2026-01-01", "invalid-request"),
     ("merchant", "journal?from=2026-02-30T00:00:00Z", "invalid-request"),
     ("merchant", "journal?to=%D9%A3", "invalid-request"), ("merchant", "journal?limit=101", "invalid-request"),
     ("merchant", "journal?cursor=MQ", "invalid-request"), ("merchant", "journal?cursor=%C3%A9", "invalid-request"),
     ("merchant", "explain?account=merchant:{1}:payable&currency=USD", "not-found"),
     ("merchant", "explain?account=merchant:{0}:payable&currency=XXX", "invalid-request"),
     ("merchant", "explain?account=merchant:{0}:payable", "invalid-request"),
     ("merchant", "explain?currency=USD", "invalid-request"),
     ("wallet", "balance", "forbidden"), ("wallet", "journal", "forbidden"), ("wallet", "explain", "forbidden"),
     ("", "journal", "unauthorized")],
)  # fmt: skip
def test_other_tenants_and_impossible_questions_are_refused(
    api: ApiFixture, who: str, query: str, code: str
) -> None:
    response = api.call(who, "GET", "/v1/" + query.format(*api.merchants))

    assert response.json()["code"] == code, response.text
