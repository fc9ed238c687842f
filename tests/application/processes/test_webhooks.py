"""Webhooks: every event once for each endpoint that stood then, in order, with the body of then."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook

from application.commands.restrict_session import RestrictSession
from application.commands.rotate_callback_secret import RotateCallbackSecret
from application.commands.rotate_webhook_secret import RotateWebhookSecret
from application.event_log import history
from application.ports.webhook_sender import Answer
from application.ports.webhooks import DeliveryStatus
from domain import ids
from domain.merchants import standard_webhooks
from domain.money.money import Money
from tests.support.receivers_clock import receivers_clock
from tests.support.webhook_fixture import (
    OTHER,
    STORY,
    URL,
    WebhookFixture,
)


@pytest.fixture(autouse=True)
def _real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    receivers_clock(monkeypatch)


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


def test_of_a_restricted_session_neither_answers_nor_the_address_of_its_callback_are_kept() -> None:
    fixture = WebhookFixture(lambda _: Answer(200, 20, text="thank you, Jane"))
    endpoint = fixture.add_endpoint()
    session = fixture.ledger.create_session(callback_url="https://shop.example/notify/jane")
    fixture.run()
    fixture.ledger.send(fixture.ledger.cancel(session))
    fixture.ledger.send(RestrictSession(session_id=session))
    fixture.run()

    rows, kept = fixture.deliveries.rows, {}
    for one in fixture.deliveries.made:
        row = rows[one.delivery_id]
        kept[row.event_type, row.target] = (one.url, one.answer)
    created, restricted = "payment_session.created", "payment_session.restricted"
    assert kept[created, "callback"] == ("https://shop.example/notify/jane", "thank you, Jane")
    assert kept[restricted, "callback"] == ("", "")
    assert kept[restricted, endpoint] == (URL, "")
    assert [call.url for call in fixture.calls][-2:].count("https://shop.example/notify/jane") == 1


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
