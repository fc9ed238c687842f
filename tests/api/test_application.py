"""Operations served directly respond exactly as through Litestar, whatever the request."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from api.app import operations
from api.http.application import Application, PathTree
from api.http.operation import Operation
from domain import ids
from domain.qr import dynamic_url
from tests.support.memory_api import MemoryApi, Pairs, http_scope, respond

LIKE = MemoryApi()
"""Every other has the same ids and keys."""
OPERATIONS = operations(LIKE.services)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "BREW", "")
HOSTS = (
    b"x", b"X.example:8080", b"[::1]:80", b"", b"x_y", b"a~b", b"%41", b"user@x", b"a,b", b"x y",
    b"<x>", b"x/y", b"x#y", b"\xff", b"x\n", b"\n",
)  # fmt: skip
USD_10 = {"minor": 1000, "currency": "USD"}


class Sent(NamedTuple):
    """A request."""

    method: str
    path: str
    query: str = ""
    headers: Pairs = ()
    parts: tuple[bytes | None, ...] = (b"",)


def compare(requests: Iterable[Sent]) -> list[tuple[str, int]]:
    """Send the requests to two equal ledgers, in one case through Litestar only.

    Returns the operations that served them, with their statuses.
    """

    async def run() -> list[tuple[str, int]]:
        fast = 1_000_000  # so that every answer leaves the same of it
        apis = (MemoryApi(rate_limit=fast), MemoryApi(rate_limit=fast))
        async with apis[0].running() as one, apis[1].running() as other:
            only_litestar = Application(other.app.litestar, [], other.app.request_ids)
            for sent in requests:
                scope = (sent.method, sent.path, sent.query, sent.headers)
                direct = await respond(one.app, http_scope(*scope), *sent.parts)
                through = await respond(only_litestar, http_scope(*scope), *sent.parts)
                assert direct == through, sent
            assert one.metrics.served == other.metrics.served
            assert len(one.services.log.events) == len(other.services.log.events)
            return list(one.metrics.served)

    return asyncio.run(run())


def paths(operation: Operation) -> Iterator[str]:
    """The paths of an operation, with the ids of the ledger in memory."""
    id_ = LIKE.wallet_id if "/wallets/" in operation.path else LIKE.session_id
    for path in (operation.path, *operation.aliases):
        filled = path.replace("{id:str}", id_).replace("{code:str}", id_.removeprefix("ps_"))
        yield re.sub(r"\{(level|index|further_\d):str\}", "0", filled)


def spellings(path: str) -> Iterator[str]:
    """A path and others that resemble it, decoded as the server decodes them."""
    head, _, last = path.rpartition("/")
    yield from (path, path + "/", path + "//", "/" + path, path[1:], path[:-1], path + "x")
    yield from (path + "/x", path + "\n", path + "\0", path + "é", path + ";a", path + " ", head)
    yield from (path.upper(), path.title(), path.replace("/", "//"), path.replace("/", "/./"))
    yield from (f"{head}//{last}", f"{head}/../{last}", f"{head}/ /{last}", f"{head}/a/b/{last}")
    for id_ in [part for part in path.split("/") if "_" in part]:
        yield from (path.replace(id_, other) for other in ("", ".", "pay", "{id:str}", "a%2Fb"))


def as_caller(operation: Operation) -> list[tuple[bytes, bytes]]:
    """The headers of a caller that may use the operation, with a key of its own."""
    role = next((role for role in sorted(operation.callers) if role in LIKE.keys), "")
    return [
        (b"host", b"x"),
        (b"authorization", f"Bearer {LIKE.keys[role]}".encode()),
        (b"content-type", b"application/json"),
        (b"idempotency-key", operation.name.encode()),
    ]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_spelling_of_a_path_and_every_method_has_the_same_response(
    operation: Operation,
) -> None:
    headers = as_caller(operation)

    served = compare(
        Sent(method, spelling, headers=headers)
        for path in paths(operation)
        for spelling in spellings(path)
        for method in METHODS
    )

    assert operation.name in {name for name, _ in served}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_header_and_body_has_the_same_response(operation: Operation) -> None:
    path, headers = next(paths(operation)), as_caller(operation)
    first = [
        Sent(operation.method, path, headers=[(b"host", host), *headers[1:]]) for host in HOSTS
    ]
    hosts = [
        Sent(operation.method, path, headers=[(b"host", one), (b"host", two), *headers[1:]])
        for one in HOSTS
        for two in (b"x", b"x y")
    ]
    repeated = [Sent(operation.method, path, headers=[*headers, pair]) for pair in headers]
    without = [
        Sent(operation.method, path, headers=[pair for pair in headers if pair[0] != name])
        for name, _ in headers
    ]
    queries = [Sent(operation.method, path, query, headers) for query in ("a=1", "=", "&", "%")]
    large = [(b"content-length", b"16385")]
    bodies = [
        Sent(operation.method, path, headers=headers, parts=parts)
        for parts in ((b"{", b"}"), (b"[]",), (b"{",), (b"{", None), (None,), (b"x" * 16_385,))
    ]

    compare([*first, *hosts, *repeated, *without, *queries, *bodies,
             Sent(operation.method, path, headers=[*headers, *large])])  # fmt: skip


def test_commands_have_the_same_responses_and_record_the_same_events() -> None:
    pay_path = f"/v1/payment-sessions/{LIKE.session_id}/pay"
    cancel_path = f"/v1/payment-sessions/{LIKE.session_id}/cancel"
    create = {"order_id": "1", "amount": USD_10}
    payload = dynamic_url.build(LIKE.services.config.public_url, ids.decode("ps", LIKE.session_id))
    scan = {"payload": payload, "wallet_id": LIKE.wallet_id}
    pay = {"claim_id": f"clm_{'0' * 26}", "wallet_id": LIKE.wallet_id, "amount": USD_10}

    def post(role: str, path: str, body: Any, key: str) -> Sent:
        headers = [
            (b"host", b"x"),
            (b"authorization", f"Bearer {LIKE.keys[role]}".encode()),
            (b"content-type", b"application/json"),
            (b"idempotency-key", key.encode()),
        ]
        return Sent("POST", path, headers=headers, parts=(msgspec.json.encode(body),))

    served = compare(
        [
            post("merchant", "/v1/payment-sessions", create, "a"),
            post("merchant", "/v1/payment-sessions", create, "a"),
            post("merchant", "/v1/payment-sessions", create, "b"),
            post("wallet", "/v1/scans", scan, "c"),
            post("wallet", pay_path, pay, "d"),
            post("merchant", cancel_path, {}, "e"),
        ]
    )

    assert served == [
        ("createPaymentSession", 201), ("createPaymentSession", 201),
        ("createPaymentSession", 409), ("scan", 200), ("payPaymentSession", 409),
        ("cancelPaymentSession", 200),
    ]  # fmt: skip


def test_a_request_spelled_as_in_the_table_does_not_pass_through_litestar() -> None:
    api = MemoryApi()
    for operation in OPERATIONS:
        for path in paths(operation):
            api.metrics.served.clear()
            scope = http_scope(operation.method, path, headers=[(b"host", b"127.0.0.1:8080")])

            asyncio.run(respond(api.app, scope, b""))

            assert "litestar_app" not in scope
            assert [name for name, _ in api.metrics.served] == [operation.name]


def test_documents_and_unknown_paths_pass_through_litestar() -> None:
    api = MemoryApi()
    for path in ("/docs", "/openapi.json", "/problems/not-found", "/nothing", "/v1/scans/"):
        scope = http_scope("GET", path, headers=[(b"host", b"x")])

        asyncio.run(respond(api.app, scope, b""))

        assert scope["litestar_app"] is api.app.litestar


async def serve(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


def test_a_literal_segment_has_precedence_over_a_parameter() -> None:
    tree = PathTree()
    tree.add("GET", "/a/{id:str}", serve)
    tree.add("GET", "/a/b/{first:str}/{second:str}", serve)

    assert tree.find("GET", "/a/c") == (serve, {"id": "c"})
    assert tree.find("GET", "/a/b/c/d") == (serve, {"first": "c", "second": "d"})
    assert tree.find("GET", "/a/b") is None
    assert tree.find("POST", "/a/c") is None
    assert tree.find("GET", "/a/") is None
