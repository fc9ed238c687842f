"""What every answer says beside its body: the request's id, its limits, versions, addresses."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from api.app import operations
from api.http.errors import TooManyRequests
from api.http.rate_limit import RateLimit
from api.http.request_ids import RequestIds
from api.http.security_headers import API_VERSION
from application import request_context
from domain.merchants.api_key import SECRET_BYTES, BearerKey, Role
from infrastructure.logs import JsonFormatter
from tests.support.documents import document_services
from tests.support.memory_client import MemoryClient, memory_client

SESSIONS = "/v1/payment-sessions"
PUBLIC = "http://127.0.0.1:8080"
USD_10 = {"minor": 1000, "currency": "USD"}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def client() -> Iterator[MemoryClient]:
    with memory_client() as client:
        yield client


def create(client: MemoryClient, **facts: Any) -> Any:
    body = {"order_id": str(uuid4()), "amount": USD_10, **facts}
    made = client.call("merchant", "POST", SESSIONS, body)
    assert made.status == 201, made.body
    return made


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        ("merchant", "POST", SESSIONS, 201),
        ("merchant", "POST", f"{SESSIONS}/", 201),
        ("", "GET", "/healthz", 200),
        ("", "HEAD", "/healthz", 200),
        ("", "GET", "/docs", 200),
        ("", "GET", "/openapi.json", 200),
        ("", "GET", "/static/icon.svg", 200),
        ("", "GET", "/static/none.svg", 404),
        ("", "GET", "/problems/not-found", 200),
        ("", "GET", "/nowhere", 404),
        ("", "DELETE", "/healthz", 405),
        ("", "GET", SESSIONS, 401),
        ("wallet", "GET", SESSIONS, 403),
        ("merchant", "GET", f"{SESSIONS}?limit=0", 400),
    ],
)
def test_every_answer_names_its_request(
    client: MemoryClient, who: str, method: str, path: str, status: int
) -> None:
    path, _, query = path.partition("?")
    body = {"order_id": str(uuid4()), "amount": USD_10} if method == "POST" else None
    key = str(uuid4()) if body else ""

    answers = [
        client.call(who, method, path, body, key=key, query=query, headers=headers)
        for headers in ({}, {}, {"x-request-id": "cart-7f:9/a.B_c+d=="})
    ]

    assert [answer.status for answer in answers] == [status] * 3
    first, second, named = [answer.headers["request-id"] for answer in answers]
    assert first != second
    assert first.startswith("req_")
    assert named == "cart-7f:9/a.B_c+d=="
    if status >= 400:
        for answer in answers:
            assert answer.body["request_id"] == answer.headers["request-id"]
            assert answer.body["type"] == f"{PUBLIC}/problems/{answer.body['code']}"


@pytest.mark.parametrize(
    "named",
    ["", " ", "a b", "a\tb", "é", "x" * 129, '"x"', "<script>", "a,b", "-x", "a\x00", "${jndi}"],
)
def test_an_id_that_is_not_sane_is_replaced(client: MemoryClient, named: str) -> None:
    answer = client.call("", "GET", "/healthz", headers={"x-request-id": named})

    assert answer.headers["request-id"].startswith("req_")


@pytest.mark.parametrize("times", [2, 3])
def test_a_repeated_id_counts_as_none(times: int) -> None:
    context = RequestIds().of([(b"x-request-id", b"cart-7")] * times)

    assert context.request_id.startswith("req_")


def test_a_log_line_names_the_request_and_its_trace(
    client: MemoryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError

    lines: list[str] = []
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    log = logging.getLogger("api.http.problems")
    log.addHandler(handler)
    monkeypatch.setattr(client.api.services.reader, "get", lambda *_: fail())
    headers = {"x-request-id": "cart-7", "traceparent": TRACEPARENT}

    try:
        path = f"{SESSIONS}/{client.api.session_id}"
        answer = client.call(client.api.keys["merchant"], "GET", path, headers=headers)
    finally:
        log.removeHandler(handler)

    assert (answer.status, answer.body["code"]) == (500, "internal-error")
    [line] = [json.loads(line) for line in lines]
    assert (line["request_id"], line["trace_id"]) == ("cart-7", TRACE)


@pytest.mark.parametrize(
    ("traceparent", "continued"),
    [
        (TRACEPARENT, True),
        (TRACEPARENT.replace("00-", "01-", 1), True),
        (TRACEPARENT.replace("00-", "ff-", 1), False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (TRACEPARENT.upper(), False),
        (f"{TRACEPARENT}-more", False),
        ("", False),
    ],
)
def test_events_continue_the_trace_of_their_caller(
    client: MemoryClient, traceparent: str, *, continued: bool
) -> None:
    body = {"order_id": str(uuid4()), "amount": USD_10}

    client.call("merchant", "POST", SESSIONS, body, headers={"traceparent": traceparent})

    event = client.api.ledger.log.read(client.head - 1, 1)[0]
    assert (event.trace_id in traceparent) is continued


def test_what_was_made_has_an_address(client: MemoryClient) -> None:
    session, wallet = (
        create(client),
        client.call("wallet", "POST", "/v1/wallets", {"currency": "USD"}),
    )
    top_up = client.call(
        "wallet", "POST", f"/v1/wallets/{client.api.wallet_id}/top-ups",
        {"amount": USD_10, "reference": "r"}, key="t",
    )  # fmt: skip
    cancelled = client.call("merchant", "POST", f"{SESSIONS}/{session.body['id']}/cancel", {})

    assert session.headers["location"] == f"{PUBLIC}{SESSIONS}/{session.body['id']}"
    assert wallet.headers["location"] == f"{PUBLIC}/v1/wallets/{wallet.body['id']}"
    assert top_up.headers["location"] == f"{PUBLIC}/v1/wallets/{client.api.wallet_id}"
    assert "location" not in cancelled.headers
    path = session.headers["location"].removeprefix(PUBLIC)
    assert client.call("merchant", "GET", path).body["id"] == session.body["id"]


def test_the_api_has_one_version(client: MemoryClient) -> None:
    same = client.call("", "GET", "/healthz", headers={"qrledger-version": API_VERSION})
    other = client.call("", "GET", "/healthz", headers={"qrledger-version": "2020-01-01"})

    assert (same.status, same.headers["qrledger-version"]) == (200, API_VERSION)
    assert (other.status, other.body["invalid_params"]) == (
        400,
        [
            {
                "name": "Qrledger-Version",
                "reason": f"must be {API_VERSION}: there is no other version",
            }
        ],
    )


GETS = [one for one in operations(document_services()) if one.method == "GET"]
NAMED = {"x-request-id": "same"}


@pytest.mark.parametrize("operation", GETS, ids=lambda operation: operation.name)
def test_head_is_get_without_its_body(client: MemoryClient, operation: Any) -> None:
    id_ = client.api.wallet_id if "/wallets/" in operation.path else client.api.session_id
    path = operation.path.replace("{id:str}", id_).replace("{code:str}", id_.removeprefix("ps_"))
    who = next((role for role in sorted(operation.callers) if role in client.api.keys), "")
    if operation.name in {"getBalance", "explainBalance"}:
        who = "merchant"

    got, head = (client.call(who, method, path, headers=NAMED) for method in ("GET", "HEAD"))

    assert (head.status, head.body) == (got.status, None)
    assert head.headers.keys() == got.headers.keys()
    assert head.headers.get("content-length") == got.headers.get("content-length")


def test_documents_answer_head(client: MemoryClient) -> None:
    for path in ("/docs", "/openapi.json", "/static/icon.svg", "/favicon.ico"):
        assert client.call("", "HEAD", path).status == 200
    refused = client.call("", "POST", "/healthz")
    assert {"GET", "HEAD"} <= set(refused.headers["allow"].split(", "))


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/problems/not-found", "/static/pages.css", "/verify", "/nowhere"]
)
def test_a_text_names_its_charset_once(client: MemoryClient, path: str) -> None:
    answer = client.call("", "GET", path, headers={"accept": "text/html"})

    media_type = answer.headers["content-type"]
    assert media_type.count("charset") == (not media_type.startswith("application/"))


def test_what_is_left_of_a_limit_is_counted_down() -> None:
    limit, left = RateLimit(3), []
    context = RequestIds().new()
    token = request_context.enter(context)
    try:
        for _ in range(3):
            limit.take("a", 0.0)
            left.append(dict(context.quota)[b"ratelimit"])
        with pytest.raises(TooManyRequests):
            limit.take("a", 0.0)
    finally:
        request_context.leave(token)

    assert left == [b'"default";r=%d;t=1' % n for n in (2, 1, 0)]
    assert dict(context.quota) == {
        b"ratelimit-policy": b'"default";q=3;w=1', b"ratelimit": b'"default";r=0;t=1',
    }  # fmt: skip


def test_an_answer_states_the_limit_that_it_counts_against() -> None:
    with memory_client(rate_limit=3) as client:
        path = f"{SESSIONS}/{client.api.session_id}"
        answers = [client.call(*one) for one in (
            ("", "GET", "/v1/push-key"), ("merchant", "GET", path), ("qrl_x", "GET", path),
        )]  # fmt: skip
        uncounted = client.call("", "GET", "/healthz")

    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"default";q=3;w=1'}
    assert all(re.fullmatch('"default";r=[0-2];t=1', a.headers["ratelimit"]) for a in answers)
    assert "ratelimit" not in uncounted.headers


def test_without_a_limit_there_is_nothing_to_state(client: MemoryClient) -> None:
    answer = client.call("merchant", "GET", f"{SESSIONS}/{client.api.session_id}")

    assert not {"ratelimit", "ratelimit-policy"} & answer.headers.keys()


def test_a_key_of_the_other_mode_is_explained(client: MemoryClient) -> None:
    live = BearerKey.make(
        mode="live", role=Role.MERCHANT, key_id=client.api.services.new_id(),
        random=bytes(SECRET_BYTES),
    )  # fmt: skip

    answer = client.call(live.text, "GET", SESSIONS)

    assert (answer.status, answer.body["code"]) == (401, "unauthorized")
    assert answer.body["reason"] == (
        "This is a key of a live ledger, and this is a test ledger: "
        "send a key that begins with qrl_test_"
    )


@pytest.mark.parametrize("mode", ["test", "live"])
def test_objects_state_the_mode_of_their_ledger(mode: str) -> None:
    with memory_client(mode=mode) as client:
        made = [
            create(client).body,
            client.call("wallet", "POST", "/v1/wallets", {"currency": "USD"}).body,
            client.call("wallet", "GET", f"/v1/wallets/{client.api.wallet_id}").body,
            client.call("auditor", "GET", f"{SESSIONS}/{client.api.session_id}").body,
        ]

    assert [one["livemode"] for one in made] == [mode == "live"] * 4


@pytest.mark.parametrize("may_cancel", [True, False])
def test_a_merchant_is_told_whether_its_checkout_screen_may_cancel(
    client: MemoryClient, *, may_cancel: bool
) -> None:
    made = create(client, checkout_may_cancel=may_cancel).body
    path = f"{SESSIONS}/{made['id']}"
    public = client.call("", "GET", f"/q/{made['id'].removeprefix('ps_')}",
                         headers={"accept": "application/json"})  # fmt: skip

    assert made["checkout_may_cancel"] is may_cancel
    assert client.call("merchant", "GET", path).body["checkout_may_cancel"] is may_cancel
    assert client.call("auditor", "GET", path).body["checkout_may_cancel"] is may_cancel
    assert "checkout_may_cancel" not in public.body
