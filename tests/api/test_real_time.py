"""What somebody else's clock checks keeps real time, however far the test clock was advanced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from domain import times
from infrastructure.processors import signatures
from tests.support.api_fixture import ApiFixture, api_fixture
from tests.support.receiver import receiving

pytestmark = pytest.mark.postgres
SECRET = "0123456789" * 3
PSP = "/v1/callbacks/psp"
MONTH = 30 * 86_400
TOLERANCE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    """A ledger whose clock is a month ahead."""
    psp: dict[str, Any] = {"psp_base_url": "https://psp.example", "psp_secret": SECRET}
    with api_fixture(make_ledger(), webhook_loopback=True, **psp) as api:
        advance(api, MONTH)
        yield api


def advance(api: ApiFixture, seconds: int) -> datetime:
    """Advance the clock; returns the ledger's time."""
    answer = api.call("operator", "POST", "/v1/test-clock", {"advance_seconds": seconds})
    assert answer.status_code == 200, answer.text
    return times.from_text(answer.json()["now"])


def test_webhooks_are_signed_at_the_real_time_and_repeated_by_the_ledgers(api: ApiFixture) -> None:
    answers = iter([500, 200])

    def answer(handler: Any) -> None:
        handler.send_response(next(answers))
        handler.send_header("content-length", "0")
        handler.end_headers()

    with receiving(answer) as receiver:
        body = {"url": receiver.url, "types": ["payment_session.created"]}
        endpoint = api.call("merchant", "POST", "/v1/webhook-endpoints", body).json()
        session = api.create_session()
        receiver.wait_for(1)

        now = advance(api, 3600)  # the next attempt is due within 5 s of the ledger's time
        first, second = receiver.wait_for(2)

    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    for call in (first, second):
        event = Webhook(endpoint["secret"]).verify(call.body, dict(call.headers))
        assert event["data"]["session"]["id"] == session["id"]
        signed_at = datetime.fromtimestamp(int(call.headers["webhook-timestamp"]), UTC)
        assert abs(signed_at - datetime.now(UTC)) < TOLERANCE
        assert now - times.from_text(event["timestamp"]) < timedelta(hours=2)  # the ledger's


@pytest.mark.parametrize(
    ("ahead", "status"), [(0, 200), (MONTH, 401), (-MONTH, 401), (200, 200), (-200, 200)]
)
def test_callbacks_are_judged_by_the_real_time(api: ApiFixture, ahead: int, status: int) -> None:
    at = datetime.now(UTC) + timedelta(seconds=ahead)
    message = {
        "id": f"n{ahead}", "subject": "charge", "key": f"unknown.{ahead}", "status": "declined",
        "at": times.to_text(at),
    }  # fmt: skip
    body = json.dumps(message).encode()
    headers = signatures.sign(
        SECRET.encode(), method="POST", path=PSP, body=body, now=at, nonce="a" * 32
    )

    answer = api.client.post(PSP, content=body, headers=headers)

    assert answer.status_code == status, answer.text
