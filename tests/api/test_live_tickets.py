"""Tickets of the live socket: who gets one, and what the answer says."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from api.tokens import BadToken, Ticket
from domain import ids, times
from tests.support.memory_api import MemoryApi, http_scope, respond


def issue(api: MemoryApi, who: str, body: bytes = b"", query: str = "") -> tuple[int, Any]:
    headers = [(b"authorization", f"Bearer {api.keys[who]}".encode())] if who else []
    if body:
        headers.append((b"content-type", b"application/json"))
    scope = http_scope("POST", "/v1/live-tickets", query, headers)
    start, content = asyncio.run(respond(api.app, scope, body))
    return start["status"], msgspec.json.decode(content["body"])


def test_a_merchant_gets_a_ticket_for_a_minute() -> None:
    api = MemoryApi()

    status, answer = issue(api, "merchant")

    assert status == 201
    assert list(answer) == ["object", "livemode", "ticket", "live_url", "expires_at", "server_time"]
    assert answer["live_url"] == f"ws://127.0.0.1:8081/live?ticket={answer['ticket']}"
    lifetime = times.from_text(answer["expires_at"]) - times.from_text(answer["server_time"])
    assert 59 <= lifetime.total_seconds() <= 60
    ticket = api.services.tokens.check_ticket(answer["ticket"])
    assert ids.encode("mer", ticket.merchant_id) == api.ledger.merchant
    assert api.services.live_tickets.take(ticket.id)


def test_every_request_gets_a_ticket_of_its_own_and_records_nothing() -> None:
    api = MemoryApi()
    head = api.ledger.log.head()

    tickets = {issue(api, "merchant", body)[1]["ticket"] for body in (b"", b"{}", b"")}

    assert len(tickets) == 3
    assert api.ledger.log.head() == head


@pytest.mark.parametrize("who", ["", "wallet", "auditor", "operator"])
def test_nobody_else_gets_one(who: str) -> None:
    api = MemoryApi()

    status, answer = issue(api, who)

    assert (status, answer["code"]) == ((403, "forbidden") if who else (401, "unauthorized"))
    assert api.services.live_tickets.kept == {}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "query"), [(b'{"merchant": "mer_1"}', ""), (b"[]", ""), (b"{", ""), (b"", "after=1")]
)
def test_a_ticket_takes_no_parameters(body: bytes, query: str) -> None:
    api = MemoryApi()

    assert issue(api, "merchant", body, query)[0] == 400
    assert api.services.live_tickets.kept == {}  # type: ignore[attr-defined]


def test_a_changed_ticket_is_none() -> None:
    api = MemoryApi()
    text = issue(api, "merchant")[1]["ticket"]
    assert isinstance(api.services.tokens.check_ticket(text), Ticket)

    for at in range(len(text)):
        for letter in {"0", "1", "_"} - {text[at]}:
            with pytest.raises(BadToken):
                api.services.tokens.check_ticket(text[:at] + letter + text[at + 1 :])
