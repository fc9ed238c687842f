"""Unusual digits, times, names and ids are refused by name or not found, never a 500."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
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
from tests.support.api_fixture import ApiFixture
from tests.support.documents import document_services
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
OPERATIONS = operations(document_services())


def integers(kind: Any) -> list[str]:
    """The integer parameters of a query."""
    names = []
    for field in msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"].items():
        name, schema = field
        kinds = [schema, *schema.get("anyOf", [])]
        if any(kind.get("type") == "integer" for kind in kinds):
            names.append(name)
    return names


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
def test_a_number_in_a_query_must_be_in_plain_digits(kind: Any, name: str, text: str) -> None:
    scope: Any = {
        "method": "GET", "path": "/", "headers": [], "path_params": {},
        "query_string": f"{name}={quote(text)}".encode(),
    }  # fmt: skip

    with pytest.raises(InvalidRequest) as refusal:
        read_query(HttpRequest(scope, None), kind)  # type: ignore[arg-type]

    params: Any = refusal.value.facts["invalid_params"]
    assert name in {param["name"] for param in params}


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00Z",
     "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:01:00Z", "2026-01-01",
     "2026-01-01T00:00:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:00:01",
     "20260101T000000Z", "2026-W01-1T00:00:00Z", "2026-01-01x00:00:00Z", "２０２６-01-01T00:00:00Z",
     "2026-01-01T00:00:0٠Z", "2026-01-01T00:00:00.1234567890Z", "1e9", "now", ""],
)  # fmt: skip
@pytest.mark.parametrize("name", ["created_from", "created_to"])
def test_an_invalid_time_is_refused_by_name(api: ApiFixture, name: str, text: str) -> None:
    response = api.call("merchant", "GET", f"/v1/payment-sessions?{name}={quote(text)}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid-request")
    assert response.json()["invalid_params"][0]["name"] == name


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-01-01t00:00:00z",
     "2026-01-01 00:00:00+05:30"],
)  # fmt: skip
def test_every_rfc_3339_time_is_accepted(api: ApiFixture, text: str) -> None:
    path = f"/v1/payment-sessions?created_from={quote(text)}&created_to={quote(text)}"

    assert api.call("merchant", "GET", path).json()["data"] == []


@pytest.mark.parametrize(
    "name",
    ["x" * 300, "x" * 300 + ".css", "a%00.css", "..%2fapp.py", "%2e%2e", ".", "con.css", "é.css",
     "%ed%a0%80.css", "pages.css%00", "PAGES.CSS"],
)  # fmt: skip
@pytest.mark.parametrize("edition", ["", "x/", "y" * 300 + "/"], ids=["plain", "other", "long"])
def test_an_unusual_static_file_name_is_not_found(api: ApiFixture, edition: str, name: str) -> None:
    response = api.client.get(f"/static/{edition}{name}")

    assert (response.status_code, response.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    "path", ["/problems/" + "x" * 300, "/problems/a%00b", "/problems/%ed%a0%80"]
)
def test_an_unusual_problem_code_is_not_found(api: ApiFixture, path: str) -> None:
    assert api.client.get(path).status_code == 404


def spellings(token: str, place: int) -> Iterator[str]:
    """The token with one number in another spelling."""
    separator = "_" if token.startswith("qrw_") else "."
    parts = token.split(separator)
    number = parts[place]
    for other in (number.translate(FULL_WIDTH), number.upper(), f"0{number}", f"+{number}",
                  f" {number}", f"{number[:1]}_{number[1:]}", f"0x{number}"):  # fmt: skip
        if other != number:
            yield separator.join([*parts[:place], other, *parts[place + 1 :]])


def test_a_token_has_exactly_one_spelling() -> None:
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


def test_a_checkout_token_in_other_digits_is_refused(
    api: ApiFixture,
) -> None:
    session = api.create_session(checkout_may_cancel=True)
    address = urlsplit(session["checkout_url"])
    odd = quote(address.query.removeprefix("token=").translate(FULL_WIDTH))

    for accept in ("application/json", "text/html"):
        shown = api.call("", "GET", f"{address.path}?token={odd}", Accept=accept)
        ended = api.call("", "POST", f"{address.path}/cancel?token={odd}", Accept=accept)
        assert (shown.status_code, ended.status_code) == (401, 401)
    own = api.call("merchant", "GET", f"/v1/payment-sessions/{session['id']}").json()
    assert own["status"] == "created"


def test_an_id_in_other_letters_is_not_found(api: ApiFixture) -> None:
    session = api.create_session()
    code = session["id"].removeprefix("ps_")
    assert api.call("", "GET", f"/q/{code.upper()}").status_code == 200

    for odd in (code.translate(FULL_WIDTH), code[:-1] + "\u212a", code + "\u212a", "ı" + code[1:]):
        for path in (f"/q/{quote(odd)}", f"/v1/payment-sessions/{quote('ps_' + odd)}"):
            assert api.call("merchant", "GET", path).status_code == 404
    kelvin = f"/q/{'0' * 25}{quote(chr(0x212A))}"
    assert api.call("", "GET", kelvin).status_code == 404


def test_a_cursor_has_exactly_one_spelling(api: ApiFixture) -> None:
    for _ in range(2):
        api.create_session()
    query = "/v1/payment-sessions?limit=1"
    path = f"{query}&at_least={api.position()}"
    cursor = api.call("merchant", "GET", path).json()["next_cursor"]
    assert api.call("merchant", "GET", f"{query}&cursor={cursor}").status_code == 200

    for odd in (
        f"{cursor[:3]}!{cursor[3:]}",
        f"{cursor}!",
        f" {cursor}",
        cursor.translate(FULL_WIDTH),
    ):
        if odd != cursor:
            response = api.call("merchant", "GET", f"{query}&cursor={quote(odd)}")
            assert response.status_code == 400
            assert response.json()["invalid_params"][0]["name"] == "cursor"


def test_creating_a_page_token_ignores_an_idempotency_key_as_documented(api: ApiFixture) -> None:
    path = f"/v1/wallets/{api.open_wallet(0)}/tokens"
    before = api.position()

    for key in ("k", "k", "", '""', "x" * 300):
        headers = {"Authorization": f"Bearer {api.keys['wallet']}", "Idempotency-Key": key}
        response = api.client.post(path, headers=headers)
        assert response.status_code == 201
        assert "Idempotent-Replayed" not in response.headers
    assert api.position() == before
    operation = api.client.get("/openapi.json").json()["paths"]["/v1/wallets/{id}/tokens"]["post"]
    assert "Idempotency-Key" not in {parameter["name"] for parameter in operation["parameters"]}
    assert "takes no `Idempotency-Key`" in operation["description"]


def test_a_content_length_of_thousands_of_digits_is_too_large() -> None:
    scope: Any = {"headers": [(b"content-length", b"9" * 5000)]}

    with pytest.raises(BodyTooLarge):
        asyncio.run(HttpRequest(scope, None).body())  # type: ignore[arg-type]


HOSTILE = [
    "%00", "a%00b", "%ED%A0%80", "%ED%BF%BF", "%C2%85", "%E2%80%A8", "%0A", "%7F", "%FF",
    quote("１２３"), quote("٣"), quote("\u212a"), "%EF%BF%BE", "%2e%2e", "%25", "x" * 300,
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_hostile_text_in_any_parameter_is_never_an_internal_error(
    api: ApiFixture, operation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.v1.lists.CATCH_UP_SECONDS", 0.01)
    who = next((role for role in sorted(operation.callers) if role in api.keys), "")
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
            known = {"not-caught-up", "not-ready", "not-sealed"}
            assert response.status_code < 500 or response.json()["code"] in known, (path, response)
        for header in ("Idempotency-Key", "Authorization", "traceparent", "X-Forwarded-For",
                       "Accept", "Accept-Language", "If-None-Match"):  # fmt: skip
            raw = [(header.encode(), text.encode()), (header.encode(), "１".encode())]
            response = api.client.request(operation.method, operation.path, headers=raw)
            known = {"not-caught-up", "not-ready", "not-sealed"}
            assert response.status_code < 500 or response.json()["code"] in known, (
                header,
                response,
            )


def test_an_unknown_session_id_is_not_found(api: ApiFixture) -> None:
    assert (
        api.call("merchant", "GET", f"/v1/payment-sessions/{ids.encode('ps', ID)}").status_code
        == 404
    )
