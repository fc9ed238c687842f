"""Refunds while `balances` is behind: a merchant is never refused because of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.v1 import lists
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from projections._runner import Runner
from projections.balances import Balances
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.read_models import apply_all, reader

pytestmark = pytest.mark.postgres

CatchUp = Callable[[], None]


@pytest.fixture
def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiFixture]:
    """An API whose read models move only when the test says so."""
    monkeypatch.setattr(lists, "CATCH_UP_SECONDS", 0.2)
    with api_fixture(database_url, projections=False) as api:
        yield api


@pytest.fixture
def catch_up(database_url: str, postgres_log: PostgresLog, api: ApiFixture) -> Iterator[CatchUp]:
    """Lets `balances` catch up; it has been built, and is empty."""
    pool = ConnectionPool(database_url, DatabaseRole.PROJECTOR, size_max=2)
    runner = Runner(Balances, pool.connection)
    runner.prepare(reader(runner, postgres_log))
    yield lambda: apply_all(runner, postgres_log)
    pool.close()


def refund(
    api: ApiFixture, session: dict[str, Any], minor: int, key: str, currency: str = "USD"
) -> Any:
    body = {"amount": {"minor": minor, "currency": currency}}
    path = f"/v1/payment-sessions/{session['id']}/refunds"
    return api.call("merchant", "POST", path, body, key=key)


def test_a_read_model_that_lags_delays_a_refund_and_refuses_none(
    api: ApiFixture, catch_up: CatchUp
) -> None:
    paid, _ = api.create_paid_session()

    waiting = refund(api, paid, 400, "k")
    catch_up()
    made = refund(api, paid, 400, "k")

    assert (waiting.status_code, waiting.json()["code"]) == (503, "not-caught-up")
    assert waiting.json()["transient"] is True
    assert made.status_code == 201
    assert "idempotent-replayed" not in made.headers


def test_credits_that_suffice_are_used_although_they_are_old(
    api: ApiFixture, catch_up: CatchUp
) -> None:
    paid, _ = api.create_paid_session()
    catch_up()
    later, _ = api.create_paid_session()

    made, waiting = refund(api, later, 1000, "k"), refund(api, paid, 1, "l")

    assert (made.status_code, waiting.status_code) == (201, 503)


def test_a_refusal_is_kept_for_the_key_also_when_money_arrives_later(
    api: ApiFixture, catch_up: CatchUp
) -> None:
    paid, _ = api.create_paid_session()
    catch_up()
    assert refund(api, paid, 1000, "k").status_code == 201
    api.create_paid_session()
    refused = refund(api, paid, 1, "l")
    catch_up()
    again = refund(api, paid, 1, "l")

    assert (refused.status_code, refused.json()["code"]) == (422, "refund-exceeds-paid")
    assert again.json() | {"request_id": ""} == refused.json() | {"request_id": ""}
    assert again.headers["idempotent-replayed"] == "true"


def test_a_replay_shows_its_own_refund_whatever_came_after(
    api: ApiFixture, catch_up: CatchUp
) -> None:
    paid, _ = api.create_paid_session()
    catch_up()
    first = [refund(api, paid, minor, f"k{minor}") for minor in (100, 200, 300)]

    again = [refund(api, paid, minor, f"k{minor}") for minor in (300, 100, 200)]

    by_id = {one.json()["id"]: one.json() for one in first}
    assert [one.json()["amount"]["minor"] for one in again] == [300, 100, 200]
    for replayed in again:
        assert replayed.headers["idempotent-replayed"] == "true"
        assert replayed.json() == by_id[replayed.json()["id"]]


def test_a_refund_may_name_a_currency_that_has_been_withdrawn_since_the_payment(
    api: ApiFixture, catch_up: CatchUp
) -> None:
    paid, _ = api.create_paid_session()
    catch_up()

    refused = refund(api, paid, 1, "k", currency="BGN").json()["invalid_params"]

    assert refused == [{"name": "amount.currency", "reason": "must be USD, the session's currency"}]
