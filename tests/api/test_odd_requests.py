"""Odd digits, odd times, odd names, headers sent twice: refused by name or not found, never a 500."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import msgspec
import pytest

from api.app import operations
from api.http.errors import BodyTooLarge
from api.http.messages import HttpRequest
from api.http.parsing import read_query
from api.tokens import BadToken, Tokens, Use
from domain import ids
from domain.errors import InvalidRequest
from infrastructure.postgres.migrate import migrate
from tests.support.api_fixture import USD_10, ApiFixture, served_api
from tests.support.documents import a_document_services
from tests.support.memory_log import START

pytestmark = pytest.mark.postgres
TOKENS = Tokens(b"s" * 32)
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
NONE_ID = "0" * 26
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ODD_NUMBERS = [
    "1e1", "1.0", "1.", "+5", " 5", "5 ", "5\n", "5_0", "05", "-0", "0x5", "５", "٥", "๕", "²", "Ⅴ",
    "true", "null", "", "NaN", "9" * 5000,
]  # fmt: skip
OPERATIONS = operations(a_document_services())


def integers(kind: Any) -> list[str]:
    """The parameters of a query that are numbers."""
    found = []
    for field in msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"].items():
        name, schema = field
        kinds = [schema, *schema.get("anyOf", [])]
        if any(one.get("type") == "integer" for one in kinds):
            found.append(name)
    return found


NUMBERS = [
    pytest.param(operation.query, name, id=f"{operation.name}-{name}")
    for operation in OPERATIONS
    if operation.query is not None
    for name in integers(operation.query)
]


def test_the_numbers_of_every_query_are_found() -> None:
    names = {case.id for case in NUMBERS}

    assert {"listPaymentSessions-limit", "listEvents-after", "getQrSvg-scale"} <= names


@pytest.mark.parametrize("text", ODD_NUMBERS, ids=lambda text: repr(text[:8]))
@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_a_number_in_a_query_is_in_plain_digits_or_refused(kind: Any, name: str, text: str) -> None:
    scope: Any = {
        "method": "GET", "path": "/", "headers": [], "path_params": {},
        "query_string": f"{name}={quote(text)}".encode(),
    }  # fmt: skip

    with pytest.raises(InvalidRequest) as refusal:
        read_query(HttpRequest(scope, None), kind)  # type: ignore[arg-type]

    assert refusal.value.facts["invalid_params"][0]["name"] == name  # type: ignore[index]


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00Z",
     "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:01:00Z", "2026-01-01",
     "2026-01-01T00:00:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:00:01",
     "20260101T000000Z", "2026-W01-1T00:00:00Z", "2026-01-01x00:00:00Z", "２０２６-01-01T00:00:00Z",
     "2026-01-01T00:00:0٠Z", "2026-01-01T00:00:00.1234567890Z", "1e9", "now", ""],
)  # fmt: skip
@pytest.mark.parametrize("name", ["created_from", "created_to"])
def test_an_odd_time_is_refused_by_name(api: ApiFixture, name: str, text: str) -> None:
    response = api.call("merchant", "GET", f"/v1/payment-sessions?{name}={quote(text)}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid-request")
    assert response.json()["invalid_params"][0]["name"] == name


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-01-01t00:00:00z",
     "2026-01-01 00:00:00+05:30"],
)  # fmt: skip
def test_every_time_of_rfc_3339_is_taken(api: ApiFixture, text: str) -> None:
    path = f"/v1/payment-sessions?created_from={quote(text)}&created_to={quote(text)}"

    assert api.call("merchant", "GET", path).json()["data"] == []


@pytest.mark.parametrize(
    "name",
    ["x" * 300, "x" * 300 + ".css", "a%00.css", "..%2fapp.py", "%2e%2e", ".", "con.css", "é.css",
     "%ed%a0%80.css", "pages.css%00", "PAGES.CSS"],
)  # fmt: skip
@pytest.mark.parametrize("edition", ["", "x/", "y" * 300 + "/"], ids=["plain", "other", "long"])
def test_an_odd_static_name_is_not_found(api: ApiFixture, edition: str, name: str) -> None:
    response = api.client.get(f"/static/{edition}{name}")

    assert (response.status_code, response.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    "path", ["/problems/" + "x" * 300, "/problems/a%00b", "/problems/%ed%a0%80"]
)
def test_an_odd_problem_is_not_found(api: ApiFixture, path: str) -> None:
    assert api.client.get(path).status_code == 404


def spellings(token: str, place: int) -> Iterator[str]:
    """The token with one number written another way."""
    separator = "_" if token.startswith("qrw_") else "."
    parts = token.split(separator)
    until = parts[place]
    for other in (until.translate(FULL_WIDTH), until.upper(), f"0{until}", f"+{until}",
                  f" {until}", f"{until[:1]}_{until[1:]}", f"0x{until}"):  # fmt: skip
        if other != until:
            yield separator.join([*parts[:place], other, *parts[place + 1 :]])


def test_a_token_has_one_spelling() -> None:
    checkout = TOKENS.for_session(Use.CHECKOUT, ID, START)
    page, _ = TOKENS.for_page(ID, ID, START)
    TOKENS.check_session(Use.CHECKOUT, checkout, ID, START)
    assert TOKENS.check_page(page).wallet_id == ID

    for other in spellings(checkout, 0):
        with pytest.raises(BadToken):
            TOKENS.check_session(Use.CHECKOUT, other, ID, START)
    for other in spellings(page, 3):
        with pytest.raises(BadToken):
            TOKENS.check_page(other)


def test_a_checkout_token_in_other_digits_opens_nothing_and_cancels_nothing(
    api: ApiFixture,
) -> None:
    session = api.a_session(checkout_may_cancel=True)
    address = urlsplit(session["checkout_url"])
    odd = quote(address.query.removeprefix("token=").translate(FULL_WIDTH))

    for accept in ("application/json", "text/html"):
        shown = api.call("", "GET", f"{address.path}?token={odd}", Accept=accept)
        ended = api.call("", "POST", f"{address.path}/cancel?token={odd}", Accept=accept)
        assert (shown.status_code, ended.status_code) == (401, 401)
    own = api.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}").json()
    assert own["status"] == "created"


def test_an_id_in_other_letters_is_not_found(api: ApiFixture) -> None:
    session = api.a_session()
    code = session["id"].removeprefix("ps_")
    assert api.call("", "GET", f"/q/{code.upper()}").status_code == 200

    for odd in (code.translate(FULL_WIDTH), code[:-1] + "\u212a", code + "\u212a", "ı" + code[1:]):
        for path in (f"/q/{quote(odd)}", f"/v1/payment-sessions/{quote('ps_' + odd)}"):
            assert api.call("merchant", "GET", path).status_code == 404
    kelvin = f"/q/{'0' * 25}{quote(chr(0x212A))}"
    assert api.call("", "GET", kelvin).status_code == 404


def test_a_cursor_has_one_spelling(api: ApiFixture) -> None:
    for _ in range(2):
        api.a_session()
    wanted = "/v1/payment-sessions?limit=1"
    path = f"{wanted}&at_least={api.position()}"
    cursor = api.call("merchant", "GET", path).json()["next_cursor"]
    assert api.call("merchant", "GET", f"{wanted}&cursor={cursor}").status_code == 200

    for odd in (
        f"{cursor[:3]}!{cursor[3:]}",
        f"{cursor}!",
        f" {cursor}",
        cursor.translate(FULL_WIDTH),
    ):
        if odd != cursor:
            response = api.call("merchant", "GET", f"{wanted}&cursor={quote(odd)}")
            assert response.status_code == 400
            assert response.json()["invalid_params"][0]["name"] == "cursor"


def test_minting_a_token_takes_no_key_refuses_none_and_says_so(api: ApiFixture) -> None:
    path = f"/v1/wallets/{api.a_wallet(0)}/tokens"
    before = api.position()

    for key in ("k", "k", "", '""', "x" * 300):
        headers = {"Authorization": f"Bearer {api.keys['wallet']}", "Idempotency-Key": key}
        response = api.client.post(path, headers=headers)
        assert response.status_code == 201
        assert "Idempotent-Replayed" not in response.headers
    assert api.position() == before
    told = api.client.get("/openapi.json").json()["paths"]["/v1/wallets/{id}/tokens"]["post"]
    assert "Idempotency-Key" not in {one["name"] for one in told["parameters"]}
    assert "takes no `Idempotency-Key`" in told["description"]


TWICE = ["Authorization", "Content-Length", "Content-Type", "Host", "Idempotency-Key"]
LISTS = ["Accept", "Accept-Language", "If-None-Match", "X-Forwarded-For", "traceparent"]


def sent_twice(api: ApiFixture, name: str, second: str | None) -> tuple[int, dict[str, Any]]:
    """A good request with one header sent twice, as raw as a client can."""
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
def served(make_database: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_database()
    migrate(url, mode="test", token_secret=b"s" * 32)
    with served_api(url) as api:
        yield api


@pytest.mark.parametrize("second", [None, "other", ""], ids=["same", "other", "empty"])
@pytest.mark.parametrize("name", TWICE)
def test_a_header_that_says_one_thing_is_refused_when_it_is_sent_twice(
    served: ApiFixture, name: str, second: str | None
) -> None:
    before = served.position()

    status, problem = sent_twice(served, name, second)

    assert status == 400
    assert served.position() == before
    named = "request" if name == "Content-Length" else name  # refused before it is a request
    assert (problem["code"], problem["invalid_params"][0]["name"]) == ("invalid-request", named)


@pytest.mark.parametrize("second", [None, "other", ""], ids=["same", "other", "empty"])
@pytest.mark.parametrize("name", LISTS)
def test_a_header_that_is_a_list_may_be_sent_twice(
    served: ApiFixture, name: str, second: str | None
) -> None:
    status, created = sent_twice(served, name, second)

    assert status == 201, created
    if name == "traceparent":  # two say nothing, so the command names the trace
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
def test_a_header_sent_twice_to_the_live_socket_is_no_error_of_ours(
    served: ApiFixture, name: str, path: str
) -> None:
    heads = {
        "Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    value = heads.get(name, "0")
    lines = [f"{one}: {said}" for one, said in heads.items() if one != name]
    lines += [f"{name}: {value}"] * 2
    request = f"GET {path} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"

    with socket.create_connection(("127.0.0.1", served.settings.live_port), timeout=20) as link:
        link.sendall(request.encode())
        answer = link.recv(4096)

    status = int(answer.split(b" ", 2)[1])
    assert status in {101, 200, 400, 403, 404, 426}, answer


def test_a_length_of_thousands_of_digits_is_too_large() -> None:
    scope: Any = {"headers": [(b"content-length", b"9" * 5000)]}

    with pytest.raises(BodyTooLarge):
        asyncio.run(HttpRequest(scope, None).body())  # type: ignore[arg-type]


HOSTILE = [
    "%00", "a%00b", "%ED%A0%80", "%ED%BF%BF", "%C2%85", "%E2%80%A8", "%0A", "%7F", "%FF",
    quote("１２３"), quote("٣"), quote("\u212a"), "%EF%BF%BE", "%2e%2e", "%25", "x" * 300,
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_hostile_text_in_any_parameter_of_any_operation_is_never_an_error_of_ours(
    api: ApiFixture, operation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.v1.lists.CATCH_UP_SECONDS", 0.01)
    who = next((one for one in sorted(operation.callers) if one in api.keys), "")
    names = [] if operation.query is None else list(operation.query.__struct_fields__)
    for text in HOSTILE:
        at = f"ps_{NONE_ID}"
        paths = [
            operation.path.replace("{id:str}", text).replace("{code:str}", text),
            *(f"{operation.path.replace('{id:str}', at)}?{name}={text}" for name in names),
            f"{operation.path.replace('{id:str}', at)}?{text}=1",
        ]
        for path in paths:
            response = api.call(who, operation.method, path, key=str(uuid4()))
            known = {"not-caught-up", "not-ready"}
            assert response.status_code < 500 or response.json()["code"] in known, (path, response)
        for header in ("Idempotency-Key", "Authorization", "traceparent", "X-Forwarded-For",
                       "Accept", "Accept-Language", "If-None-Match"):  # fmt: skip
            raw = [(header.encode(), text.encode()), (header.encode(), "１".encode())]
            response = api.client.request(operation.method, operation.path, headers=raw)
            known = {"not-caught-up", "not-ready"}
            assert response.status_code < 500 or response.json()["code"] in known, (
                header,
                response,
            )


def test_a_made_up_session_of_the_right_form_is_still_none(api: ApiFixture) -> None:
    assert (
        api.call("merchant", "GET", f"/v1/payment-sessions/{ids.encode('ps', ID)}").status_code
        == 404
    )
