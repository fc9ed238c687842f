"""Push subscriptions over HTTP: who may have them, what they must be, and that nobody sees them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from api.context import Services
from application.ports.push import SUBSCRIPTIONS_MAX, PushDesk
from domain import ids
from infrastructure.postgres.push import PostgresPushSubscriptions
from infrastructure.push.keys import PushKeys, read_file
from tests.support.memory_client import MemoryClient, Reply, memory_client
from tests.support.memory_push import KEYS, Browser

ENDPOINT = "https://push.example/send/the-secret-endpoint"
BROWSER = Browser()


@pytest.fixture
def client() -> Iterator[MemoryClient]:
    with memory_client() as client:
        yield client


def web(**facts: Any) -> dict[str, Any]:
    return {"transport": "webpush", **BROWSER.subscription(ENDPOINT), **facts}


def path(client: MemoryClient, wallet: str = "") -> str:
    return f"/v1/wallets/{wallet or client.api.wallet_id}/push-subscriptions"


def subscribe(client: MemoryClient, body: Any, who: str = "wallet", wallet: str = "") -> Reply:
    return client.call(who, "POST", path(client, wallet), body)


def page_token(client: MemoryClient) -> str:
    made = client.call("wallet", "POST", f"/v1/wallets/{client.api.wallet_id}/tokens")
    return str(made.body["token"])


def test_a_browser_subscribes_with_its_page_token(client: MemoryClient) -> None:
    head, token = client.head, page_token(client)

    reply = subscribe(client, web(language="pt-BR"), who=token)

    assert reply.status == 201
    assert reply.body == {
        "object": "push_subscription",
        "id": reply.body["id"],
        "livemode": False,
        "wallet_id": client.api.wallet_id,
        "transport": "webpush",
        "language": "pt-BR",
        "amounts": False,
    }
    [kept] = client.api.push.rows.values()
    assert kept.id == reply.body["id"]
    assert kept.id.startswith("psh_")
    assert kept.target == {"endpoint": ENDPOINT, **BROWSER.subscription(ENDPOINT)["keys"]}
    assert client.head == head  # a device can be forgotten, an event cannot


def test_an_app_subscribes_its_installation(client: MemoryClient) -> None:
    reply = subscribe(client, {"transport": "fcm", "token": "abc:DEF-1_2", "amounts": True})

    assert (reply.status, reply.body["transport"], reply.body["amounts"]) == (201, "fcm", True)
    [kept] = client.api.push.rows.values()
    assert kept.target == {"token": "abc:DEF-1_2"}


def test_subscribing_again_keeps_the_id_and_changes_the_rest(client: MemoryClient) -> None:
    first = subscribe(client, web(language="en"))
    again = subscribe(client, web(language="ar", amounts=True))

    assert again.status == 201
    assert again.body == {**first.body, "language": "ar", "amounts": True}
    assert len(client.api.push.rows) == 1


def test_a_subscription_is_deleted_once(client: MemoryClient) -> None:
    token, made = page_token(client), subscribe(client, web())
    address = f"{path(client)}/{made.body['id']}"

    deleted = client.call(token, "DELETE", address)
    again = client.call(token, "DELETE", address)

    assert (deleted.status, deleted.body["deleted"]) == (200, True)
    assert (again.status, again.body["code"]) == (404, "not-found")
    assert client.api.push.rows == {}


def test_a_wallet_has_a_limit_and_the_oldest_gives_way(client: MemoryClient) -> None:
    made = [
        subscribe(client, web(endpoint=f"{ENDPOINT}/{number}")).body["id"]
        for number in range(SUBSCRIPTIONS_MAX + 2)
    ]

    assert list(client.api.push.rows) == made[2:]


def test_nobody_else_may_subscribe_a_wallet_or_delete_what_it_has(client: MemoryClient) -> None:
    made, token = subscribe(client, web()).body["id"], page_token(client)
    other = ids.encode("wal", client.api.ledger.open_wallet(app=ids.encode("app", ids.derive("x"))))
    mine = ids.encode("wal", client.api.ledger.open_wallet())

    attempts = [
        subscribe(client, web(), wallet=other),
        subscribe(client, web(), who=token, wallet=mine),
        client.call("wallet", "DELETE", f"{path(client, mine)}/{made}"),
        client.call(token, "DELETE", f"{path(client, mine)}/{made}"),
        client.call("wallet", "DELETE", f"{path(client, other)}/{made}"),
        client.call("wallet", "DELETE", f"{path(client)}/psh_{made[4:-1]}0"),
        client.call("wallet", "DELETE", f"{path(client)}/{client.api.wallet_id}"),
        client.call("wallet", "DELETE", f"{path(client)}/x"),
    ]
    refused = [subscribe(client, web(), who=who) for who in ("merchant", "auditor", "operator")]

    assert [one.status for one in attempts] == [404] * len(attempts)
    assert [one.status for one in refused] == [403] * 3
    assert subscribe(client, web(), who="").status == 401
    assert list(client.api.push.rows) == [made]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "transport"), ({"transport": "sms"}, "transport"), ({"transport": None}, "transport"),
        ({"transport": "webpush"}, "endpoint"), (web(endpoint=None), "endpoint"), (web(keys=None), "keys"),
        (web(keys={}), "keys.p256dh"), (web(keys=[]), "keys"), (web(keys={"p256dh": "x"}), "keys.auth"),
        (web(token="x"), "token"), ({"transport": "fcm"}, "token"), ({"transport": "fcm", "token": ""}, "token"),
        ({**web(), "transport": "fcm", "token": "x"}, "endpoint"), ({"transport": "fcm", "token": "a b"}, "token"),
        (web(endpoint="https://127.0.0.1/"), "endpoint"), (web(endpoint="http://push.example/"), "endpoint"),
        (web(endpoint="https://push.example/" + "x" * 2000), "endpoint"), (web(endpoint="https://é.example/"), "endpoint"),
        (web(endpoint="https://push.example/\u0000"), "endpoint"), (web(endpoint=1), "endpoint"),
        (web(keys={"p256dh": "AAAA", "auth": "AAAA"}), "keys.p256dh"), (web(keys={**web()["keys"], "x": "y"}), "keys.x"),
        (web(language="x"), "language"), (web(language="pt_BR"), "language"), (web(language="e" * 36), "language"),
        (web(language=None), "language"), (web(language="en\n"), "language"), (web(amounts="yes"), "amounts"), (web(amounts=1), "amounts"),
        (web(expirationTime=None), "expirationTime"),
    ],
)  # fmt: skip
def test_what_is_no_subscription_is_refused_by_name(
    client: MemoryClient, body: dict[str, Any], field: str
) -> None:
    reply = subscribe(client, body)

    assert (reply.status, reply.body["code"]) == (400, "invalid-request")
    assert field in [one["name"] for one in reply.body["invalid_params"]]
    assert "the-secret-endpoint" not in json.dumps(reply.body)
    assert client.api.push.rows == {}


def test_a_transport_that_is_not_set_up_is_refused(client: MemoryClient) -> None:
    services: Services = client.api.services
    desk = PushDesk(client.api.push, KEYS.public_key, frozenset({"webpush"}))
    object.__setattr__(services, "push", desk)

    reply = subscribe(client, {"transport": "fcm", "token": "x"})

    assert (reply.status, reply.body["invalid_params"][0]["name"]) == (400, "transport")


def test_the_key_for_browsers_is_public(client: MemoryClient) -> None:
    assert client.call("", "GET", "/v1/push-key").body == {"public_key": KEYS.public_key()}


def test_an_endpoint_appears_in_no_answer_and_no_log(
    client: MemoryClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    replies = [subscribe(client, web()), subscribe(client, web(amounts="x"))]
    replies.append(client.call("wallet", "DELETE", f"{path(client)}/{replies[0].body['id']}"))

    [secret] = {one["keys"]["auth"] for one in [web()]}
    for text in [caplog.text, *(json.dumps([one.body, one.headers]) for one in replies)]:
        assert "the-secret-endpoint" not in text
        assert secret not in text


def test_without_a_key_nobody_subscribes(client: MemoryClient, tmp_path: Path) -> None:
    keys = PushKeys(read_file(tmp_path))
    subscriptions = PostgresPushSubscriptions(cast("Any", None), keys)
    desk = PushDesk(subscriptions, keys.public_key, frozenset({"webpush"}))
    object.__setattr__(client.api.services, "push", desk)

    replies = [client.call("", "GET", "/v1/push-key"), subscribe(client, web())]

    for reply in replies:
        assert (reply.status, reply.body["code"]) == (503, "signing-unavailable")
        assert reply.body["transient"] is True
