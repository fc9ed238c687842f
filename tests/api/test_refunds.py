"""Refunds as the API shows them, and the fee of a session."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain import ids
from domain.merchants.fee_plan import FeePlan
from tests.support.api_fixture import ApiFixture
from tests.support.books import set_plan

pytestmark = pytest.mark.postgres
UNKNOWN = "ref_01h455vb4pex5vsknk084sn02q"


def test_a_refund_can_be_read_at_once_by_its_merchant_and_by_auditors(api: ApiFixture) -> None:
    paid, _ = api.create_paid_session()
    path = f"/v1/payment-sessions/{paid['id']}/refunds"
    made = []
    for minor in (100, 250):
        body = {"amount": {"minor": minor, "currency": "USD"}, "reason": f"cold {minor}"}
        made.append(api.call("merchant", "POST", path, body, key=str(uuid4())).json())

    for refund in made:
        for who in ("merchant", "auditor"):
            found = api.call(who, "GET", f"/v1/refunds/{refund['id']}")
            assert found.status_code == 200, found.text
            assert found.json() | {"position": 0} == refund | {"position": 0}


@pytest.mark.parametrize(
    ("who", "refund", "status"),
    [("other_merchant", None, 404), ("wallet", None, 403), ("operator", None, 403),
     ("merchant", UNKNOWN, 404), ("merchant", "ref_1", 404), ("auditor", "ps_01h455vb4pex5vsknk084sn02q", 404)],
)  # fmt: skip
def test_anybody_else_is_refused(
    api: ApiFixture, who: str, refund: str | None, status: int
) -> None:
    if refund is None:
        paid, _ = api.create_paid_session()
        path = f"/v1/payment-sessions/{paid['id']}/refunds"
        body = {"amount": {"minor": 1, "currency": "USD"}}
        refund = api.call("merchant", "POST", path, body, key=str(uuid4())).json()["id"]

    response = api.call(who, "GET", f"/v1/refunds/{refund}")

    assert response.status_code == status, response.text
    if status == 404:
        assert (
            response.json()["detail"]
            == api.call("merchant", "GET", f"/v1/refunds/{UNKNOWN}").json()["detail"]
        )


def test_only_the_merchant_and_auditors_see_the_fee_from_creation_on(api: ApiFixture) -> None:
    log, merchant_id = api.admin._event_log, ids.decode("mer", api.merchants[0])
    set_plan(log, merchant_id, "USD", FeePlan(basis_points=150, fixed_minor=10))
    session = api.create_session()
    set_plan(log, merchant_id, "USD", FeePlan())
    wallet, path = api.open_wallet(), f"/v1/payment-sessions/{session['id']}"

    scanned = api.scan(session, wallet).json()
    listed = api.call(
        "merchant",
        "GET",
        f"/v1/payment-sessions?order_id={session['order_id']}&at_least={session['position']}",
    )

    fee = {"minor": 25, "currency": "USD", "exponent": 2, "display": "$0.25"}
    assert session["fee"] == fee
    assert listed.json()["data"][0]["fee"] == fee
    assert api.call("merchant", "GET", path).json()["fee"] == fee
    assert api.call("auditor", "GET", path).json()["fee"] == fee
    assert "fee" not in scanned
    assert "fee" not in api.call("wallet", "GET", path).json()
    public = session["qr"]["payload"].lower().rpartition("/q/")[2]
    assert "fee" not in api.call("", "GET", f"/q/{public}", Accept="application/json").json()
    token = session["checkout_url"].partition("?")[2]
    seen = api.call("", "GET", f"/checkout/{session['id']}?{token}", Accept="application/json")
    assert seen.status_code == 200
    assert "fee" not in seen.json()
