"""Repeated headers: lists are joined, single values are refused, none causes an internal error."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.support.api_fixture import USD_10, ApiFixture, served_api

pytestmark = pytest.mark.postgres
SINGLE_HEADERS = ["Authorization", "Content-Length", "Content-Type", "Host", "Idempotency-Key"]
LIST_HEADERS = ["Accept", "Accept-Language", "If-None-Match", "X-Forwarded-For", "traceparent"]


def send_repeated(api: ApiFixture, name: str, second: str | None) -> tuple[int, dict[str, Any]]:
    """Send a valid request with one header repeated; returns status and body."""
    body = msgspec.json.encode({"order_id": str(uuid4()), "amount": USD_10})
    values = {
        "Host": "x", "Authorization": f"Bearer {api.keys['merchant']}",
        "Content-Type": "application/json", "Content-Length": str(len(body)),
        "Idempotency-Key": str(uuid4()), "Accept": "application/json",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "X-Forwarded-For": "10.0.0.1",
        "If-None-Match": '"x"', "Accept-Language": "pt",
    }  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", api.settings.port, timeout=20)
    connection.putrequest("POST", "/v1/payment-sessions", skip_host=True, skip_accept_encoding=True)
    for header, value in values.items():
        connection.putheader(header, value)
    connection.putheader(name.lower(), values[name] if second is None else second)
    connection.endheaders(body)
    response = connection.getresponse()
    raw = response.read()
    connection.close()
    is_json = response.headers.get_content_type().endswith("json")
    return response.status, msgspec.json.decode(raw) if is_json else {}


@pytest.fixture(scope="module")
def served(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_ledger()
    with served_api(url) as api:
        yield api


@pytest.mark.parametrize("second", [None, "other", ""], ids=["same", "other", "empty"])
@pytest.mark.parametrize("name", SINGLE_HEADERS)
def test_a_repeated_single_value_header_is_refused(
    served: ApiFixture, name: str, second: str | None
) -> None:
    before = served.position()

    status, problem = send_repeated(served, name, second)

    assert status == 400
    assert served.position() == before
    named = "request" if name == "Content-Length" else name  # refused by the HTTP parser
    assert (problem["code"], problem["invalid_params"][0]["name"]) == ("invalid-request", named)


@pytest.mark.parametrize("second", [None, "other", ""], ids=["same", "other", "empty"])
@pytest.mark.parametrize("name", LIST_HEADERS)
def test_a_list_header_may_be_repeated(served: ApiFixture, name: str, second: str | None) -> None:
    status, created = send_repeated(served, name, second)

    assert status == 201, created
    if name == "traceparent":  # ignored, so the trace id is the command's
        path = f"/v1/events?session={created['id']}"
        [event] = served.call("auditor", "GET", path).json()["data"]
        assert event["trace_id"] != "a" * 32


@pytest.mark.parametrize("path", ["/live?session=x", "/healthz", "/metrics", "/x"])
@pytest.mark.parametrize(
    "name",
    ["X-Forwarded-For", "Origin", "Host", "Upgrade", "Connection", "Sec-WebSocket-Key",
     "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Authorization",
     "Content-Length", "Cookie"],
)  # fmt: skip
def test_a_repeated_header_to_the_live_port_is_not_an_internal_error(
    served: ApiFixture, name: str, path: str
) -> None:
    headers = {
        "Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    value = headers.get(name, "0")
    lines = [f"{header}: {text}" for header, text in headers.items() if header != name]
    lines += [f"{name}: {value}"] * 2
    request = f"GET {path} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"

    with socket.create_connection(("127.0.0.1", served.settings.live_port), timeout=20) as link:
        link.sendall(request.encode())
        response = link.recv(4096)

    status = int(response.split(b" ", 2)[1])
    assert status in {101, 200, 400, 403, 404, 426}, response
