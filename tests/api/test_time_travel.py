"""How sessions, wallets and balances stood at a position or a time: for ever the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain import ids, times
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.postgres import TestClock

pytestmark = pytest.mark.postgres
SECOND = timedelta(seconds=1)


START = datetime(2050, 1, 1, tzinfo=UTC)


@pytest.fixture
def timed(make_ledger: Callable[[], str]) -> Iterator[tuple[ApiFixture, TestClock]]:
    """A ledger of its own, whose clock the test sets."""
    url = make_ledger()
    clock = TestClock(url)
    clock.set(START)
    with api_fixture(url, projections=False) as api:
        yield api, clock


def get(api: ApiFixture, path: str, at: object, who: str = "auditor") -> Any:
    joint = "&" if "?" in path else "?"
    response = api.call(who, "GET", f"/v1/{path}{joint}at={at}")
    assert response.status_code == 200, response.text
    return response


def refund(api: ApiFixture, session: dict[str, Any], minor: int) -> None:
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    body = {"amount": {"minor": minor, "currency": "USD"}, "reason": "cold"}
    response = api.call("merchant", "POST", path, body, key=str(uuid4()))
    assert response.status_code == 201, response.text


def events(api: ApiFixture, session: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"/v1/payment-sessions/{session['id']}/events"
    found: list[dict[str, Any]] = api.call("auditor", "GET", path).json()["data"]
    return found


def test_a_session_is_shown_as_it_stood_after_each_of_its_events(api: ApiFixture) -> None:
    paid, _ = api.create_paid_session()
    refund(api, paid, 300)
    path = f"payment-sessions/{paid['id']}"
    history = events(api, paid)

    stood = [get(api, path, event["position"]).json() for event in history]

    assert [one["version"] for one in stood] == [event["version"] for event in history]
    assert [one["position"] for one in stood] == [event["position"] for event in history]
    assert [one["at"] for one in stood] == [event["position"] for event in history]
    assert [one["status"] for one in stood] == ["created", "scanned", "paid", "paid"]
    assert [one["refunded_minor"] for one in stood][2] == 0
    assert stood[-1]["refunded_minor"] == 300
    assert [one["server_time"] for one in stood] == [event["recorded_at"] for event in history]
    assert stood[1]["claim"] is not None
    assert all(one["live_url"] is None and one["checkout_url"] is None for one in stood)


def test_what_happens_later_changes_no_answer(api: ApiFixture) -> None:
    paid, wallet = api.create_paid_session()
    merchant = api.merchants[0]
    paths = [
        f"payment-sessions/{paid['id']}", f"wallets/{wallet}", f"balance?merchant={merchant}"
    ]  # fmt: skip
    head = api.position()
    before = [get(api, path, head) for path in paths]
    refund(api, paid, 100)
    api.create_paid_session()

    after = [get(api, path, head) for path in paths]

    assert [one.content for one in after] == [one.content for one in before]
    assert {one.headers["ledger-position"] for one in after} == {str(head)}
    assert get(api, paths[1], api.position()).json()["available"] != after[1].json()["available"]


def test_a_wallet_and_a_merchant_have_the_balances_of_each_position(api: ApiFixture) -> None:
    session, wallet = api.create_session("other_merchant"), api.open_wallet(5_000)
    merchant = api.merchants[1]
    funded = api.position()
    claim = api.scan(session, wallet).json()["claim"]["id"]
    paid = api.pay(session, wallet, claim).json()["position"]

    def available(position: int) -> int:
        return int(get(api, f"wallets/{wallet}", position).json()["available"]["minor"])

    def payable(position: int, who: str = "auditor") -> list[int]:
        path = "balance" if who == "other_merchant" else f"balance?merchant={merchant}"
        found = get(api, path, position, who).json()
        assert found["position"] == position
        return [one["payable"]["minor"] for one in found["data"]]

    assert (available(funded), available(paid)) == (5_000, 4_000)
    assert (payable(funded), payable(paid)) == ([], [1_000])
    assert payable(paid, "other_merchant") == payable(paid, "operator") == [1_000]


def test_a_time_means_what_was_recorded_strictly_before_it(api: ApiFixture) -> None:
    paid, _ = api.create_paid_session()
    api.create_session()
    path = f"payment-sessions/{paid['id']}"
    event = events(api, paid)[-1]
    at = times.from_text(event["recorded_at"])

    before = get(api, path, times.to_text(at)).json()
    after = get(api, path, times.to_text(at + timedelta(microseconds=1))).json()

    assert (before["status"], before["at"]) == (
        "scanned",
        event["position"] - 2,
    )  # and the wallet's
    assert after["status"] == "paid"
    assert after["server_time"] == times.to_text(at + timedelta(microseconds=1))


def test_expiry_is_judged_at_the_time_that_is_asked_for(
    timed: tuple[ApiFixture, TestClock],
) -> None:
    api, clock = timed
    session = api.create_session(expires_in_seconds=60)
    path, deadline = f"payment-sessions/{session['id']}", times.from_text(session["expires_at"])
    clock.set(deadline + timedelta(seconds=200))

    open_ = get(api, path, times.to_text(deadline - timedelta(microseconds=1))).json()
    over = get(api, path, times.to_text(deadline)).json()

    assert (open_["status"], over["status"]) == ("created", "expired")
    assert get(api, path, session["position"]).json()["status"] == "created"


@pytest.mark.parametrize(
    "at",
    ["0", "-1", "1e3", "01", "999999999999", "4611686018427387905", "yesterday", "2026-11-22", "%00",
     "2026-11-22T00:00:00", "9999-12-31T23:59:59Z", "0001-01-02T00:00:00Z", "2000-01-01T00:00:00Z", "",
     "1&at=2", "%D9%A1", "1%00", "1" * 5000],
)  # fmt: skip
def test_what_is_no_moment_of_the_past_is_refused(api: ApiFixture, at: str) -> None:
    paid, wallet = api.create_paid_session()
    for path in (
        f"payment-sessions/{paid['id']}",
        f"wallets/{wallet}",
        f"balance?merchant={api.merchants[0]}&",
    ):
        response = api.call(
            "auditor", "GET", f"/v1/{path.rstrip('&')}{'&' if '?' in path else '?'}at={at}"
        )

        assert response.status_code == 400, (path, response.text)
        problem = response.json()
        assert problem["code"] == "invalid-request"
        assert [one["name"] for one in problem["invalid_params"]] == ["at"]


def test_a_time_that_is_not_settled_is_refused_until_something_is_recorded(
    timed: tuple[ApiFixture, TestClock],
) -> None:
    api, clock = timed
    session = api.create_session()
    path = f"/v1/payment-sessions/{session['id']}"
    recorded = times.from_text(session["created_at"])
    clock.set(recorded + timedelta(seconds=10))
    at = times.to_text(recorded + 5 * SECOND)

    early = api.call("auditor", "GET", f"{path}?at={at}")
    api.create_session()
    late = api.call("auditor", "GET", f"{path}?at={at}")

    assert early.status_code == 400
    assert (late.status_code, late.json()["status"]) == (200, "created")


def test_only_auditors_ask_for_the_past_of_sessions_and_wallets(api: ApiFixture) -> None:
    paid, wallet = api.create_paid_session()
    for who, path in (
        ("merchant", f"payment-sessions/{paid['id']}"),
        ("wallet", f"payment-sessions/{paid['id']}"),
        ("wallet", f"wallets/{wallet}"),
        ("operator", f"wallets/{wallet}"),
    ):
        response = api.call(who, "GET", f"/v1/{path}?at=1")
        assert (response.status_code, response.json()["code"]) == (403, "forbidden"), (who, path)


def test_what_did_not_exist_then_is_not_found(api: ApiFixture) -> None:
    session, wallet = api.create_session(), api.open_wallet()
    for path in (
        f"payment-sessions/{session['id']}",
        f"wallets/{wallet}",
        f"wallets/{ids.encode('wal', uuid4())}",
        f"wallets/{ids.encode('wal', ids.decode('ps', session['id']))}",
    ):
        assert api.call("auditor", "GET", f"/v1/{path}?at=1").status_code == 404, path
    foreign = (
        f"/v1/wallets/{ids.encode('wal', ids.decode('ps', session['id']))}?at={api.position()}"
    )
    assert api.call("auditor", "GET", foreign).status_code == 404
