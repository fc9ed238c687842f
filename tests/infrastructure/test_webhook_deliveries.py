"""The store of deliveries: one contract, in PostgreSQL and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from application.ports.webhooks import (
    MISSED_MAX,
    Attempt,
    DeliveryFilter,
    DeliveryStatus,
    DeliveryStore,
    Health,
    Missed,
    NewDelivery,
)
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from infrastructure.postgres.webhooks import PostgresDeliveries
from tests.support.memory_deliveries import MemoryDeliveries

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = AT + timedelta(minutes=5)
NEW = NewDelivery(
    id="whd_1", merchant_id="mer_1", target="whe_1", event_id="evt_1",
    event_type="payment_session.paid", subject_id="ps_1", position=17, version=3,
)  # fmt: skip
FAILED = Attempt(
    delivery_id="whd_1", task="whd_1", at=AT, url="https://hooks.example/", answer_status=500,
    milliseconds=12, answer="no", reason="answered 500", status=DeliveryStatus.PENDING,
    next_attempt_at=LATER, headers="webhook-id: evt_1\n",
)  # fmt: skip
DELIVERED = replace(
    FAILED, answer_status=200, reason="", status=DeliveryStatus.DELIVERED, next_attempt_at=None
)
HEALTH = Health(target="whe_1", failures=2, failing_since=AT, closed_until=LATER, milliseconds=9)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Iterator[DeliveryStore]:
    if request.param == "memory":
        yield MemoryDeliveries()
        return
    url = request.getfixturevalue("database_url")
    pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=1)
    yield PostgresDeliveries(pool.connection)
    pool.close()


def row(store: DeliveryStore) -> Any:
    found = store.get("mer_1", "whd_1")
    assert found is not None
    return found


def test_a_delivery_is_noted_once(store: DeliveryStore) -> None:
    store.begin([NEW, NEW], AT)
    store.begin([NEW], LATER)

    assert row(store).status is DeliveryStatus.PENDING
    assert (row(store).created_at, row(store).next_attempt_at) == (AT, AT)
    assert len(store.newest("mer_1", limit=9)) == 1
    assert store.get("mer_2", "whd_1") is None


def test_attempts_are_kept_in_order_and_counted_by_task(store: DeliveryStore) -> None:
    store.begin([NEW], AT)
    store.record([FAILED], [HEALTH])
    store.record([replace(DELIVERED, task="whd_1 again 9")], [Health(target="whe_1")])

    assert store.tries(["whd_1", "whd_1 again 9", "other"]) == {"whd_1": 1, "whd_1 again 9": 1}
    assert (row(store).attempts, row(store).status) == (2, DeliveryStatus.DELIVERED)
    kept = store.attempts("whd_1", 9)
    assert [one.answer_status for one in kept] == [500, 200]
    assert kept[0] == FAILED
    assert [one.answer_status for one in store.attempts("whd_1", 1)] == [200]
    assert store.health(["whe_1", "whe_2"]) == {"whe_1": Health(target="whe_1")}


def test_what_was_delivered_once_stays_so(store: DeliveryStore) -> None:
    store.begin([NEW], AT)
    store.record([DELIVERED], [])
    store.record([FAILED], [])
    store.give_up(["whd_1"], DeliveryStatus.SKIPPED, "too late")

    assert row(store).status is DeliveryStatus.DELIVERED


def test_health_is_replaced(store: DeliveryStore) -> None:
    store.begin([NEW], AT)
    store.record([FAILED], [HEALTH])

    assert store.health(["whe_1"]) == {"whe_1": HEALTH}


def test_what_was_given_up_can_begin_again(store: DeliveryStore) -> None:
    store.begin([NEW], AT)
    store.give_up(["whd_1"], DeliveryStatus.FAILED, "gone")
    given_up = row(store)
    store.begin([NEW], LATER)

    assert (given_up.status, given_up.reason) == (DeliveryStatus.FAILED, "gone")
    assert given_up.next_attempt_at is None
    assert (row(store).status, row(store).next_attempt_at) == (DeliveryStatus.PENDING, LATER)


def test_a_deferred_delivery_shows_when(store: DeliveryStore) -> None:
    store.begin([NEW], AT)
    store.defer(["whd_1"], [LATER])

    assert row(store).next_attempt_at == LATER


def test_the_list_is_filtered_newest_first(store: DeliveryStore) -> None:
    others = [replace(NEW, id=f"whd_{n}", target=f"whe_{n % 2}") for n in range(2, 6)]
    store.begin([NEW], AT)
    for one in [*others, replace(NEW, id="whd_x", merchant_id="mer_2")]:
        store.begin([one], AT)
    store.record([DELIVERED], [])

    def listed(**filters: Any) -> list[str]:
        before = filters.pop("before", None)
        only = DeliveryFilter(**filters)
        return [one.id for one in store.newest("mer_1", only, before=before, limit=9)]

    assert listed() == ["whd_5", "whd_4", "whd_3", "whd_2", "whd_1"]
    assert listed(status=DeliveryStatus.DELIVERED) == ["whd_1"]
    assert listed(target="whe_0") == ["whd_4", "whd_2"]
    assert listed(target="whe_0", status=DeliveryStatus.DELIVERED) == []
    assert listed(event_type="payment_session.paid", target="whe_1") == ["whd_5", "whd_3", "whd_1"]
    assert listed(event_type="payment_session.expired") == []
    assert listed(created_from=AT, created_to=LATER) == listed()
    assert listed(created_to=AT) == listed(created_from=LATER) == []
    assert listed(before=store.newest("mer_1", limit=9)[2].number) == ["whd_2", "whd_1"]
    assert len(store.newest("mer_1", limit=2)) == 2


def test_rows_that_arrive_between_two_pages_neither_repeat_nor_hide_one(
    store: DeliveryStore,
) -> None:
    for n in range(5):
        store.begin([replace(NEW, id=f"whd_{n}")], AT)
    first = store.newest("mer_1", limit=2)

    store.begin([replace(NEW, id="whd_new")], LATER)
    rest = store.newest("mer_1", before=first[-1].number, limit=9)

    assert [one.id for one in [*first, *rest]] == ["whd_4", "whd_3", "whd_2", "whd_1", "whd_0"]


def test_what_a_target_has_missed_is_counted_from_its_first_position(store: DeliveryStore) -> None:
    for n, (status, target) in enumerate(
        [("delivered", "whe_1"), ("failed", "whe_1"), ("skipped", "whe_1"), ("failed", "whe_2")], 10
    ):
        store.begin([replace(NEW, id=f"whd_{n}", target=target, position=n)], AT)
        if status == "delivered":
            store.record([replace(DELIVERED, delivery_id=f"whd_{n}")], [])
        else:
            store.give_up([f"whd_{n}"], DeliveryStatus(status), "why")
    store.begin([replace(NEW, id="whd_test", position=0)], AT)
    store.give_up(["whd_test"], DeliveryStatus.FAILED, "a test is no gap")

    missed = store.missed("mer_1", ["whe_1", "whe_2", "whe_3"])

    assert missed == {
        "whe_1": Missed(target="whe_1", failed=1, skipped=1, first_position=11),
        "whe_2": Missed(target="whe_2", failed=1, skipped=0, first_position=13),
    }
    assert store.missed("mer_2", ["whe_1"]) == {}


def test_missed_events_are_counted_up_to_a_limit(store: DeliveryStore) -> None:
    many = [replace(NEW, id=f"whd_{n}", position=n) for n in range(1, MISSED_MAX + 3)]
    store.begin(many, AT)
    store.give_up([one.id for one in many], DeliveryStatus.FAILED, "why")

    missed = store.missed("mer_1", ["whe_1"])["whe_1"]

    assert (missed.failed, missed.first_position) == (MISSED_MAX, 1)


def test_any_answer_can_be_kept(store: DeliveryStore) -> None:
    store.begin([NEW], AT)
    store.record([replace(FAILED, answer="�" * 1024)], [])

    assert len(store.attempts("whd_1", 1)[0].answer) == 1024


def test_deliveries_are_found_by_their_ids_with_their_first_attempts(store: DeliveryStore) -> None:
    other = replace(NEW, id="whd_2", event_id="evt_2")
    store.begin([NEW, other, replace(NEW, id="whd_3", merchant_id="mer_2")], AT)
    store.record([FAILED], [])
    store.record([replace(FAILED, delivery_id="whd_2"), replace(FAILED, delivery_id="whd_3")], [])
    store.record([DELIVERED], [])

    found = store.find("mer_1", ["whd_3", "whd_2", "whd_1", "whd_9"], 9)

    assert [one.id for one in found] == ["whd_1", "whd_2"]
    assert found[0] == row(store)
    assert [one.id for one in store.find("mer_1", ["whd_2", "whd_1"], 1)] == ["whd_1"]
    first = store.earliest_attempts(["whd_2", "whd_1"], 2)
    assert [(one.delivery_id, one.answer_status) for one in first] == [
        ("whd_1", 500),
        ("whd_2", 500),
    ]
    assert first[0] == FAILED
    assert all(isinstance(one.status, DeliveryStatus) for one in first)
    assert all(isinstance(one.status, DeliveryStatus) for one in store.attempts("whd_1", 9))
