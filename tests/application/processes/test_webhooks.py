"""Webhooks: every event once for each endpoint that stood then, in order, with the body of then."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook

from application.event_log import fold, history
from application.ports.webhook_sender import Answer
from application.ports.webhooks import DeliveryStatus
from domain import ids
from domain.merchants.webhook_endpoint import WebhookEndpoints
from tests.support.webhook_fixture import OK, WALL_CLOCK, WebhookFixture

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
