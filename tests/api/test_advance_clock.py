"""`POST /v1/test-clock`: operators advance the clock of a test ledger, and of no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

from domain import times
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.memory_log import START, MemoryLog

PATH = "/v1/test-clock"
HOUR = {"advance_seconds": 3600}


@pytest.fixture
def client() -> Iterator[MemoryClient]:
    with memory_client() as client:
        yield client


def test_the_operator_advances_the_ledgers_time(client: MemoryClient) -> None:
    reply = client.call("operator", "POST", PATH, HOUR)

    assert reply.status == 200
    assert reply.body == {
        "object": "test_clock",
        "livemode": False,
        "now": times.to_text(START + timedelta(hours=1)),
        "advanced_seconds": 3600,
        "position": client.head,
    }
    assert reply.headers["ledger-position"] == str(client.head)
    assert client.api.ledger.log.now() == START + timedelta(hours=1)


def test_an_idempotency_key_advances_it_once(client: MemoryClient) -> None:
    first = client.call("operator", "POST", PATH, HOUR, key="k")
    head = client.head
    client.call("operator", "POST", PATH, {"advance_seconds": 60})
    again = client.call("operator", "POST", PATH, HOUR, key="k")
    other = client.call("operator", "POST", PATH, {"advance_seconds": 1}, key="k")

    assert (again.status, again.body, again.replayed) == (200, first.body, True)
    assert (other.status, other.body["code"]) == (422, "idempotency-key-reused")
    assert client.head == head + 1
    assert client.api.ledger.log.now() == START + timedelta(seconds=3660)


def test_a_live_ledger_refuses_and_stores_nothing() -> None:
    with memory_client(mode="live") as client:
        log = cast("MemoryLog", client.api.ledger.log)
        before = log.head(), len(log.receipts)

        replies = [client.call("operator", "POST", PATH, HOUR, key=key) for key in ("", "k")]

        assert [(one.status, one.body["code"]) for one in replies] == [(403, "test-only")] * 2
        assert replies[0].body["detail"] == "The test clock exists in test ledgers only."
        assert (log.head(), len(log.receipts), log.now()) == (*before, START)


@pytest.mark.parametrize("who", ["merchant", "wallet", "auditor"])
def test_only_operators_may(client: MemoryClient, who: str) -> None:
    reply = client.call(who, "POST", PATH, HOUR)

    assert (reply.status, reply.body["code"]) == (403, "forbidden")
    assert client.api.ledger.log.now() == START


@pytest.mark.parametrize(
    "body",
    [
        {}, {"advance_seconds": 0}, {"advance_seconds": -60}, {"advance_seconds": 31_622_401},
        {"advance_seconds": 10**40}, {"advance_seconds": "60"}, {"advance_seconds": 60.0},
        {"advance_seconds": True}, {"advance_seconds": None}, {"advance_seconds": [60]},
        {"advance_seconds": 60, "now": "2030-01-01T00:00:00Z"}, {"seconds": 60},
        b'{"advance_seconds": 1e3}', b'{"advance_seconds": "\\u0000"}', b"[]", b"60", b"\xff",
    ],
)  # fmt: skip
def test_bad_input_names_the_field_and_moves_nothing(client: MemoryClient, body: Any) -> None:
    head = client.head

    reply = client.call("operator", "POST", PATH, body)

    assert (reply.status, reply.body["code"]) == (400, "invalid-request")
    assert client.head == head
    assert client.api.ledger.log.now() == START


def test_what_the_ledger_signs_for_itself_follows_the_ledgers_time(client: MemoryClient) -> None:
    wallet = client.api.wallet_id
    token = client.call("wallet", "POST", f"/v1/wallets/{wallet}/tokens").body["token"]
    assert client.call(token, "GET", f"/v1/wallets/{wallet}").status == 200

    client.call("operator", "POST", PATH, {"advance_seconds": 15 * 60})

    assert client.call(token, "GET", f"/v1/wallets/{wallet}").status == 401
