"""What merchants ask of webhooks: pauses, replays, deletion, tests, one delivery once more."""

from __future__ import annotations

from typing import Any

import pytest

from application.commands.change_webhook_endpoint import ChangeWebhookEndpoint
from application.commands.redeliver_webhook import RedeliverWebhook
from application.commands.remove_webhook_endpoint import RemoveWebhookEndpoint
from application.commands.replay_webhooks import ReplayWebhooks
from application.commands.request_webhook_test import RequestWebhookTest
from application.event_log import history
from application.ports.webhook_sender import Answer
from application.ports.webhooks import DeliveryStatus
from application.processes._webhook_fanout import REPLAY_PAGE_EVENTS
from domain import ids
from domain.merchants.errors import ReplayLimit
from domain.merchants.webhook_endpoint import CALLBACK, REPLAYS_MAX, WebhookEndpoints
from domain.merchants.webhook_events import EndpointStatus
from tests.support.webhook_fixture import (
    DOWN,
    OK,
    STORY,
    URL,
    WebhookFixture,
    endpoints_of,
    failing_at,
)


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
