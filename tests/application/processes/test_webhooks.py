"""Webhooks: every event once for each endpoint that stood then, in order, with the body of then."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from standardwebhooks import Webhook

from application.commands.change_webhook_endpoint import ChangeWebhookEndpoint
from application.commands.redeliver_webhook import RedeliverWebhook
from application.commands.remove_webhook_endpoint import RemoveWebhookEndpoint
from application.commands.replay_webhooks import ReplayWebhooks
from application.commands.request_webhook_test import RequestWebhookTest
from application.commands.rotate_callback_secret import RotateCallbackSecret
from application.commands.rotate_webhook_secret import RotateWebhookSecret
from application.event_log import fold, history
from application.ports.webhook_sender import Answer, NoAnswer, Sent
from application.ports.webhooks import DeliveryStatus
from application.processes._webhook_fanout import REPLAY_PAGE_EVENTS
from application.processes._webhook_rules import SCHEDULE
from domain import ids
from domain.merchants import standard_webhooks
from domain.merchants.errors import ReplayLimit
from domain.merchants.webhook_endpoint import CALLBACK, REPLAYS_MAX, WebhookEndpoints
from domain.merchants.webhook_events import EndpointStatus
from domain.money.money import Money
from tests.support.task_fixture import STEPS
from tests.support.webhook_fixture import OK, URL, WALL_CLOCK, Received, WebhookFixture

OTHER = "https://other.example/"
STORY = ["payment_session.created", "payment_session.scanned", "payment_session.paid"]
DOWN = Answer(500, 20)


@pytest.fixture(autouse=True)
def _real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The independent verifier reads the clock; it is the receiver's here."""
    import standardwebhooks.webhooks as library  # noqa: PLC0415

    class Clock(library.datetime):  # type: ignore[name-defined,misc]
        @classmethod
        def now(cls, tz: object = None) -> object:
            return WALL_CLOCK

    monkeypatch.setattr(library, "datetime", Clock)


def failing_at(*failing: str) -> WebhookFixture:
    """Receivers of which some answer 500."""
    return WebhookFixture(lambda call: DOWN if call.url in failing else OK)


def endpoints_of(fixture: WebhookFixture) -> WebhookEndpoints:
    stream = WebhookEndpoints.stream_id(fixture.ledger.merchant_id)
    endpoints: WebhookEndpoints = fold(history(fixture.log, stream))
    return endpoints


def test_a_payment_is_told_event_by_event_and_an_independent_verifier_accepts_it() -> None:
    fixture = WebhookFixture()
    endpoint = fixture.add_endpoint()

    session = fixture.paid_session()
    fixture.run()

    assert fixture.types() == STORY
    assert [call.data["seq"] for call in fixture.calls] == [1, 2, 3]
    assert [call.data["session"]["status"] for call in fixture.calls] == [
        "created",
        "scanned",
        "paid",
    ]
    for call in fixture.calls:
        assert call.data["session"]["id"] == ids.encode("ps", session)
        Webhook(fixture.secret(endpoint)).verify(call.body, dict(call.headers))
    events = history(fixture.log, session)
    assert [call.id for call in fixture.calls] == [ids.encode("evt", e.event_id) for e in events]
    assert [call.data["position"] for call in fixture.calls] == [e.position for e in events]
    assert {row.status for row in fixture.deliveries.rows.values()} == {DeliveryStatus.DELIVERED}


def test_an_endpoint_hears_only_of_its_types_and_of_what_came_after_it() -> None:
    fixture = WebhookFixture()
    fixture.paid_session()
    fixture.add_endpoint(URL, "payment_session.paid")
    fixture.add_endpoint(OTHER)

    fixture.paid_session()
    fixture.run()

    assert fixture.types() == STORY[2:]
    assert fixture.types(OTHER) == STORY


def test_the_endpoints_that_stood_at_the_events_position_are_told_even_if_the_worker_comes_late() -> (
    None
):
    fixture = WebhookFixture()
    fixture.ledger.create_session()
    fixture.add_endpoint()
    session = fixture.ledger.create_session()
    fixture.add_endpoint(OTHER)

    fixture.run()

    assert [call.data["session"]["id"] for call in fixture.calls] == [ids.encode("ps", session)]
    assert fixture.calls[0].url == URL


def test_the_body_is_the_session_as_the_event_left_it_not_as_it_is_now() -> None:
    fixture = WebhookFixture()
    fixture.add_endpoint()
    fixture.paid_session()

    fixture.run()

    created = fixture.calls[0].data["session"]
    assert (created["status"], created["version"], created["paid"]) == ("created", 1, None)


def test_refunds_and_payouts_have_data_of_their_own() -> None:
    fixture = WebhookFixture()
    fixture.add_endpoint(URL, "refund.succeeded")
    session = fixture.paid_session()

    fixture.ledger.send(fixture.ledger.refund(session, Money(100, "USD"), earned=1000))
    fixture.run()

    [call] = fixture.calls
    assert call.data["refund"]["amount"]["minor"] == 100
    assert call.data["refund"]["session_id"] == ids.encode("ps", session)
    assert call.data["seq"] == 4


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


def test_a_paused_endpoint_is_not_called_and_a_replay_closes_the_gap_in_order() -> None:
    fixture = WebhookFixture()
    endpoint = fixture.add_endpoint()
    paused_at = fixture.log.head()
    fixture.settings(ChangeWebhookEndpoint, endpoint_id=endpoint, status=EndpointStatus.PAUSED)
    session = fixture.paid_session()
    fixture.run()
    quiet = len(fixture.calls)

    fixture.settings(ChangeWebhookEndpoint, endpoint_id=endpoint, status=EndpointStatus.ENABLED)
    fixture.settings(ReplayWebhooks, endpoint_id=endpoint, after=paused_at, head=fixture.log.head())
    fixture.run()

    assert quiet == 0
    assert fixture.types() == STORY
    assert {call.data["session"]["id"] for call in fixture.calls} == {ids.encode("ps", session)}


def test_a_long_replay_goes_page_by_page_and_holds_up_no_live_event() -> None:
    fixture = WebhookFixture(lambda call: DOWN if call.type == STORY[0] else OK)
    endpoint = fixture.add_endpoint(URL, "payment_session.created", "payment_session.cancelled")
    day = 86_400
    sessions = [fixture.ledger.create_session(expires_in_seconds=day) for _ in range(120)]
    fixture.run()
    fixture.sender.answer = lambda _: OK
    fixture.run(seconds=day / 2, step=300)
    fixture.calls.clear()

    fixture.settings(ReplayWebhooks, endpoint_id=endpoint, after=0, head=fixture.log.head())
    fixture.ledger.send(fixture.ledger.cancel(sessions[0]))
    fixture.run()

    replayed = [call.id for call in fixture.calls if call.type == "payment_session.created"]
    assert len(replayed) == len(set(replayed)) == 120
    assert fixture.types().count("payment_session.cancelled") == 1
    assert all(row.status is DeliveryStatus.DELIVERED for row in fixture.deliveries.rows.values())


def test_five_replays_of_a_merchant_run_at_a_time() -> None:
    fixture = WebhookFixture()
    endpoint = fixture.add_endpoint()
    for _ in range(REPLAY_PAGE_EVENTS):
        fixture.ledger.create_session()
    replay: Any = {"endpoint_id": endpoint, "after": 0, "head": fixture.log.head()}
    for _ in range(REPLAYS_MAX):
        fixture.settings(ReplayWebhooks, **replay)

    with pytest.raises(ReplayLimit) as refused:
        fixture.settings(ReplayWebhooks, **replay)
    fixture.run()

    assert refused.value.facts == {"replays_max": REPLAYS_MAX}
    assert endpoints_of(fixture).replays == {}
    events = history(fixture.log, WebhookEndpoints.stream_id(fixture.ledger.merchant_id))
    finished = [one for one in events if one.topic == "webhook_endpoint.replay_finished"]
    assert len(finished) == REPLAYS_MAX
    fixture.settings(ReplayWebhooks, **replay)


def test_a_deleted_endpoint_is_not_called_any_more() -> None:
    fixture = failing_at(URL)
    endpoint = fixture.add_endpoint()
    fixture.ledger.create_session()
    fixture.run()

    fixture.settings(RemoveWebhookEndpoint, endpoint_id=endpoint)
    fixture.run(seconds=7200, step=60)

    assert len(fixture.calls) == 1
    assert fixture.row().status is DeliveryStatus.SKIPPED
    assert fixture.store.rows == {}


def test_a_test_event_is_sent_once_whatever_is_answered() -> None:
    fixture = failing_at(URL)
    endpoint = fixture.add_endpoint(URL, "payment_session.paid")

    fixture.settings(RequestWebhookTest, endpoint_id=endpoint, test_id="evt_test")
    fixture.run(seconds=7200, step=60)

    [call] = fixture.calls
    assert (call.type, call.id, call.data) == (
        "webhook.test",
        "evt_test",
        {"endpoint_id": endpoint},
    )
    assert fixture.row().status is DeliveryStatus.FAILED
    assert fixture.store.rows == {}


def test_a_failed_delivery_is_sent_once_more_when_asked() -> None:
    fixture = WebhookFixture(lambda _: Answer(410, 20))
    fixture.ledger.create_session(callback_url="https://shop.example/notify")
    fixture.run()
    row = fixture.row()
    fixture.sender.answer = lambda _: OK

    fixture.settings(
        RedeliverWebhook, target=CALLBACK, subject_id=row.subject_id, event_version=row.version
    )
    fixture.run()

    assert row.status is DeliveryStatus.FAILED
    assert [call.id for call in fixture.calls] == [row.event_id] * 2
    assert fixture.row().status is DeliveryStatus.DELIVERED


def test_a_callback_is_signed_with_the_merchants_callback_secret_and_stands_beside_endpoints() -> (
    None
):
    fixture = WebhookFixture()
    fixture.add_endpoint()
    fixture.settings(RotateCallbackSecret)

    fixture.ledger.create_session(callback_url="https://shop.example/notify")
    fixture.run()

    urls = {call.url: call for call in fixture.calls}
    assert urls.keys() == {URL, "https://shop.example/notify"}
    callback = urls["https://shop.example/notify"]
    secret = fixture.secret(fixture.ledger.merchant, 1)
    Webhook(secret).verify(callback.body, dict(callback.headers))


def test_two_secrets_sign_for_a_day_after_a_rotation_and_then_one() -> None:
    fixture = WebhookFixture()
    endpoint = fixture.add_endpoint()
    fixture.settings(RotateWebhookSecret, endpoint_id=endpoint)
    fixture.ledger.create_session()
    fixture.run()
    fixture.advance(86_400)
    fixture.ledger.create_session()
    fixture.run()

    both, one = (call.headers[standard_webhooks.SIGNATURE_HEADER] for call in fixture.calls)

    assert [part[:3] for part in both.split(" ")] == ["v1,", "v1,", "v1a", "v1a"]
    assert [part[:3] for part in one.split(" ")] == ["v1,", "v1a"]
    for number in (1, 2):
        call = fixture.calls[0]
        Webhook(fixture.secret(endpoint, number)).verify(call.body, dict(call.headers))


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


def test_what_is_signed_are_the_bytes_that_are_sent_whatever_the_text() -> None:
    fixture = WebhookFixture()
    endpoint = fixture.add_endpoint()

    fixture.ledger.create_session(description="Café ☕ / 'x' <&> ñ", metadata={"é": "ü"})
    fixture.run()

    [call] = fixture.calls
    assert "Café ☕".encode() in call.body
    Webhook(fixture.secret(endpoint)).verify(call.body, dict(call.headers))


def test_the_largest_body_is_below_20_kb() -> None:
    fixture = WebhookFixture()
    fixture.add_endpoint()

    metadata = {f"{number:040}": "é" * 340 for number in range(20)}
    fixture.ledger.create_session("o" * 64, description="é" * 200, metadata=metadata)
    fixture.run()

    assert 14_000 < len(fixture.calls[0].body) < 20_000


def test_another_merchants_endpoint_hears_nothing() -> None:
    fixture = WebhookFixture()
    fixture.add_endpoint()
    other = type(fixture.ledger)(fixture.log)

    other.create_session()
    fixture.run()

    assert fixture.calls == []


def test_without_endpoints_nothing_is_stored() -> None:
    fixture = WebhookFixture()

    fixture.paid_session()
    fixture.run()

    assert fixture.deliveries.rows == {}
    assert fixture.store.rows == {}


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
