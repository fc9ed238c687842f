"""Who sees refunds, and where: the session, its list, its token and its public part."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.support.api_fixture import ApiFixture

pytestmark = pytest.mark.postgres


def refund(api: ApiFixture, session: dict[str, Any], minor: int) -> dict[str, Any]:
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    body = {"amount": {"minor": minor, "currency": "USD"}}
    response = api.call("merchant", "POST", path, body, key=str(uuid4()))
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def seen(view: dict[str, Any]) -> tuple[Any, ...]:
    return view["status"], view["refunded_minor"], view["flags"]


@pytest.mark.parametrize(("minor", "flags"), [(300, ["partially_refunded"]), (1000, ["refunded"])])
def test_a_refund_shows_wherever_a_key_holder_or_the_token_sees_the_session(
    api: ApiFixture, minor: int, flags: list[str]
) -> None:
    session, wallet = api.create_paid_session()
    path = f"/v1/payment-sessions/{session['id']}"
    checkout = api.call("merchant", "GET", path).json()["checkout_url"]
    place = checkout.removeprefix(api.settings.public_origin)
    before = api.call("", "GET", place, accept="application/json")
    page = api.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens").json()["token"]
    assert seen(session) == seen(before.json()) == ("paid", 0, [])

    position = refund(api, session, minor)["position"]

    expected = ("paid", minor, flags)
    for who in ("merchant", "wallet", "auditor", page):
        assert seen(api.call(who, "GET", path).json()) == expected
    listed = api.call("merchant", "GET", f"/v1/payment-sessions?at_least={position}").json()
    [row] = [one for one in listed["data"] if one["id"] == session["id"]]
    assert seen(row) == expected
    after = api.call("", "GET", place, accept="application/json")
    assert seen(after.json()) == expected
    assert after.headers["ETag"] != before.headers["ETag"]


def test_refunds_are_not_public(api: ApiFixture) -> None:
    session, _ = api.create_paid_session()
    place = f"/q/{session['id'][3:]}"
    before = api.call("", "GET", place, accept="application/json").json()

    refund(api, session, 300)

    after = api.call("", "GET", place, accept="application/json").json()
    assert {**after, "version": before["version"], "server_time": before["server_time"]} == before
    page = api.call("", "GET", place, accept="text/html").text
    assert 'data-status="paid"' in page
    assert "$3.00" not in page
    for stranger in ("other_merchant", "other_wallet"):
        path = f"/v1/payment-sessions/{session['id']}"
        assert api.call(stranger, "GET", path).status_code == 404
