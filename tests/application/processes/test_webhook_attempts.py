"""Attempts of webhooks: when again, in order, nobody else delayed, wherever the worker dies."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from application.ports.webhook_sender import Answer, NoAnswer, Sent
from application.ports.webhooks import DeliveryStatus
from application.processes._webhook_rules import SCHEDULE
from domain import ids
from domain.merchants.webhook_events import EndpointStatus
from tests.support.task_fixture import STEPS
from tests.support.webhook_fixture import (
    DOWN,
    OK,
    OTHER,
    STORY,
    URL,
    Received,
    WebhookFixture,
    endpoints_of,
    failing_at,
)


def test_every_attempt_sends_the_same_id_and_the_same_bytes_in_order() -> None:
    answers: list[Sent] = [DOWN, NoAnswer("no complete answer in time", 15_000), OK, DOWN, OK, OK]
    fixture = WebhookFixture(lambda _: answers.pop(0))
    fixture.add_endpoint()
    fixture.paid_session()

    fixture.run(seconds=1800)

    created, scanned, paid = STORY
    assert fixture.types() == [created, created, created, scanned, scanned, paid]
    assert len({(call.id, call.body) for call in fixture.calls[:3]}) == 1
    assert [row.attempts for row in fixture.deliveries.rows.values()] == [3, 2, 1]
    assert [one.reason for one in fixture.deliveries.attempts(fixture.row().id, 9)] == [
        "answered 500",
        "no complete answer in time",
        "",
    ]


def test_a_dead_endpoint_delays_nobody_else() -> None:
    fixture = failing_at(URL)
    fixture.add_endpoint()
    fixture.add_endpoint(OTHER)

    for _ in range(50):
        fixture.paid_session()
    fixture.run(seconds=10, step=1)

    assert fixture.types(OTHER).count("payment_session.paid") == 50
    assert len(fixture.types()) < 50


def test_at_the_end_of_its_schedule_a_delivery_is_parked_and_its_lane_goes_on() -> None:
    fixture = WebhookFixture(lambda call: DOWN if call.type == "payment_session.created" else OK)
    fixture.add_endpoint()
    fixture.paid_session()

    fixture.run(seconds=sum(SCHEDULE, timedelta()).total_seconds() * 2, step=900)

    assert fixture.types() == ["payment_session.created"] * 10 + STORY[1:]
    assert [call.data["seq"] for call in fixture.calls[-2:]] == [2, 3]
    assert fixture.row().status is DeliveryStatus.FAILED
    [parked] = [row for row in fixture.store.rows.values() if row.parked]
    assert parked.reason == "answered 500"


def test_the_waits_are_those_of_the_specification_at_most_with_full_jitter() -> None:
    fixture = failing_at(URL)
    fixture.add_endpoint(URL, "payment_session.created")
    fixture.ledger.create_session()

    fixture.run(seconds=300_000, step=30)

    at = [attempt.at for attempt in fixture.deliveries.made]
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(at)]
    assert len(at) == 10
    assert all(
        wait <= longest.total_seconds() + 900 + 60
        for wait, longest in zip(waits, SCHEDULE[1:], strict=True)
    )
    assert sum(waits) > 3600


def test_a_receiver_that_says_when_is_asked_no_earlier() -> None:
    answers = iter([Answer(429, 20, "", 4000), OK])
    fixture = WebhookFixture(lambda _: next(answers))
    fixture.add_endpoint(URL, "payment_session.created")
    fixture.ledger.create_session()

    fixture.run(seconds=3600)
    early = len(fixture.calls)
    fixture.run(seconds=1200)

    assert (early, len(fixture.calls)) == (1, 2)


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 199, 400, 404, 500])
def test_only_2xx_is_a_success(status: int) -> None:
    fixture = WebhookFixture(lambda _: Answer(status, 20))
    fixture.add_endpoint(URL, "payment_session.created")
    fixture.ledger.create_session()

    fixture.run()

    assert fixture.row().status is DeliveryStatus.PENDING
    assert fixture.row().next_attempt_at is not None


def test_an_endpoint_that_is_gone_is_disabled_at_once() -> None:
    fixture = WebhookFixture(lambda call: Answer(410, 20) if call.url == URL else OK)
    gone = fixture.add_endpoint()
    fixture.add_endpoint(OTHER)

    fixture.paid_session()
    fixture.run()

    endpoint = endpoints_of(fixture).endpoints[gone]
    assert (endpoint.status, endpoint.disabled_reason) == (EndpointStatus.DISABLED, "gone")
    assert fixture.types() == STORY[:1]
    assert fixture.types(OTHER) == STORY
    statuses = {row.status for row in fixture.deliveries.rows.values() if row.target == gone}
    assert statuses == {DeliveryStatus.FAILED, DeliveryStatus.SKIPPED}


def test_after_five_days_of_failures_an_endpoint_is_disabled_and_a_success_begins_anew() -> None:
    fixture = failing_at(URL)
    endpoint = fixture.add_endpoint()
    day = 86_400

    for _ in range(5):
        fixture.ledger.create_session()
        fixture.run(seconds=day, step=600)
    before = endpoints_of(fixture).endpoints[endpoint].status
    fixture.ledger.create_session()
    fixture.run(seconds=day / 4, step=600)

    assert before is EndpointStatus.ENABLED
    assert endpoints_of(fixture).endpoints[endpoint].disabled_reason == "failing"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("batch", range(1, 5))
def test_wherever_the_worker_dies_nothing_is_lost_and_duplicates_carry_the_same_id(
    step: str, batch: int
) -> None:
    fixture = WebhookFixture()
    fixture.add_endpoint()
    fixture.paid_session()
    fixture.worker.follow()

    for number in range(1, 10):
        fixture.worker.perform(kill_at=step if number == batch else "")
    fixture.run(seconds=120)

    ids_in_order = list(dict.fromkeys(call.id for call in fixture.calls))
    assert fixture.calls[0].type == STORY[0]
    assert len(ids_in_order) == 3
    assert len({(call.id, call.body) for call in fixture.calls}) == 3
    assert len(fixture.calls) <= 4
    assert {row.status for row in fixture.deliveries.rows.values()} == {DeliveryStatus.DELIVERED}


def test_a_delivery_is_noted_only_after_it_was_sent() -> None:
    noted: list[int] = []

    def answer(_call: Received) -> Sent:
        noted.append(len(fixture.deliveries.made))
        return OK

    fixture = WebhookFixture(answer)
    fixture.add_endpoint()
    fixture.paid_session()

    fixture.run()

    assert noted == [0, 1, 2]


def test_a_delivery_that_fails_delays_only_its_own_session() -> None:
    fixture = WebhookFixture()
    fixture.add_endpoint(URL, "payment_session.paid")
    fixture.paid_session()
    fixture.run()
    unlucky = ids.encode("ps", fixture.paid_session())
    fixture.sender.answer = lambda call: DOWN if call.data["session"]["id"] == unlucky else OK
    fixture.calls.clear()

    lucky = [ids.encode("ps", fixture.paid_session()) for _ in range(3)]
    fixture.run()

    told = [call.data["session"]["id"] for call in fixture.calls]
    assert {*lucky, unlucky} == set(told)
    assert told.count(unlucky) == 1


def test_the_deliveries_of_an_event_do_not_wait_for_the_calls_of_its_batch() -> None:
    fixture = WebhookFixture()
    fixture.add_endpoint()
    waiting: list[int] = []

    def answer(_call: Received) -> Sent:
        waiting.append(
            sum(row.task.payload["kind"] == "event" for row in fixture.store.rows.values())
        )
        return OK

    fixture.sender.answer = answer
    fixture.ledger.create_session()
    fixture.worker.follow()
    fixture.worker.perform()  # the delivery of the first event is due now
    fixture.ledger.create_session()
    fixture.worker.follow()

    fixture.worker.perform()

    assert waiting == [0]
