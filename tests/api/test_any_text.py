"""Any accepted text can be read wherever it is shown; other text is never stored."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import operations
from api.live.protocol import SessionFeed
from application.event_log import history
from domain import ids
from infrastructure import audit
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.logs import JsonFormatter
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole
from tests.support.any_text import OLD_TEXT, UNACCEPTABLE, acceptable, an_old_payment
from tests.support.api_fixture import USD_10, ApiFixture, api_fixture
from tests.support.documents import document_services

pytestmark = pytest.mark.postgres
OPERATIONS = operations(document_services())


@pytest.fixture(scope="module")
def api(make_ledger: Callable[[], str]) -> Iterator[ApiFixture]:
    url = make_ledger()
    with api_fixture(url) as api:
        api.url = url
        yield api


def texts_of(kind: Any) -> Iterator[Any]:
    """Every text position of a type, as a function that makes a value with a text there."""
    match kind:
        case msgspec.inspect.StructType(fields=fields):
            for field in fields:
                for put in texts_of(field.type):
                    yield lambda bad, name=field.encode_name, put=put: {name: put(bad)}
        case msgspec.inspect.DictType(value_type=inner):
            yield lambda bad: {bad: "x"}
            for put in texts_of(inner):
                yield lambda bad, put=put: {"key": put(bad)}
        case (
            msgspec.inspect.ListType(item_type=inner)
            | msgspec.inspect.VarTupleType(item_type=inner)
        ):
            for put in texts_of(inner):
                yield lambda bad, put=put: [put(bad)]
        case msgspec.inspect.UnionType(types=kinds):
            for member in kinds:
                yield from texts_of(member)
        case msgspec.inspect.Metadata(type=inner):
            yield from texts_of(inner)
        case msgspec.inspect.StrType() | msgspec.inspect.LiteralType():
            yield lambda bad: bad
        case _:
            return


def field_of(value: Any) -> str:
    """The outermost field of a body that has one text."""
    return str(next(iter(value)))


PLACES = [
    (operation, put)
    for operation in OPERATIONS
    if operation.body is not None
    for put in texts_of(msgspec.inspect.type_info(operation.body))
]
CASES = [
    pytest.param(operation, put, id=f"{number}-{operation.name}-{field_of(put('x'))}")
    for number, (operation, put) in enumerate(PLACES)
]


def test_every_text_of_every_body_is_found() -> None:
    found = {f"{operation.name}.{field_of(put('x'))}" for operation, put in PLACES}

    assert {
        "createPaymentSession.order_id", "createPaymentSession.amount",
        "createPaymentSession.description", "createPaymentSession.return_url",
        "createPaymentSession.metadata", "topUpWallet.reference",
    } <= found  # fmt: skip
    assert len(CASES) > len(found)  # keys and values of metadata


@pytest.mark.parametrize("escaped", [True, False], ids=["escaped", "raw"])
@pytest.mark.parametrize(("operation", "put"), CASES)
def test_an_unacceptable_character_in_any_text_of_any_body_is_refused_by_name(
    api: ApiFixture, operation: Any, put: Any, *, escaped: bool
) -> None:
    path = operation.path.replace("{id:str}", f"wal_{'0' * 26}")
    who = next((caller for caller in sorted(operation.callers) if caller in api.keys), "")
    before = api.position()
    for bad in UNACCEPTABLE:
        value = put(f"a{bad}b")
        body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")

        response = api.call(who, operation.method, path, body, key=str(uuid4()))

        problem = response.json()
        assert (response.status_code, problem["code"]) == (400, "invalid-request"), problem
        name = problem["invalid_params"][0]["name"]
        # JSON itself forbids raw controls and raw surrogates, so their field is unknown.
        assert name.startswith(field_of(value)) or (not escaped and name == "body")
        assert "a key" in problem["detail"] or f"a{bad}b" not in problem["detail"]
    assert api.position() == before


@pytest.mark.parametrize("bad", ["\x00", "\x1f", "\x7f", "\x85", "\u2028"])
def test_an_unacceptable_character_in_a_query_is_refused_by_name(api: ApiFixture, bad: str) -> None:
    session = api.create_session()
    requests = {
        "/v1/payment-sessions": ("merchant", "order_id"),
        "/v1/events": ("auditor", "type"),
        f"/q/{session['id'].removeprefix('ps_')}": ("", "lang"),
        f"/checkout/{session['id']}": ("", "token"),
    }
    for path, (who, name) in requests.items():
        response = api.call(who, "GET", f"{path}?{name}=a{quote(bad)}b")

        assert (response.status_code, response.json()["code"]) == (400, "invalid-request")
        assert response.json()["invalid_params"][0]["name"] == name


def read_everywhere(api: ApiFixture, session_id: str) -> dict[str, Any]:
    """Read a session everywhere it is shown; returns its row in the list."""
    head = api.position()
    query = f"?limit=100&at_least={head}"
    listed = api.call("merchant", "GET", f"/v1/payment-sessions{query}")
    assert listed.status_code == 200, listed.text
    own = api.call("merchant", "GET", f"/v1/payment-sessions/{session_id}")
    assert own.status_code == 200, own.text
    session = own.json()
    checkout, code = urlsplit(session["checkout_url"]), urlsplit(session["qr"]["payload"].lower())
    for who, path in (
        ("merchant", f"/v1/payment-sessions/{session_id}/events"),
        ("auditor", f"/v1/events?limit=100&after={max(0, head - 100)}"),
        ("auditor", f"/v1/events?session={session_id}"),
        ("", f"/v1/payment-sessions/{session_id}/qr.svg"),
        ("", f"/v1/payment-sessions/{session_id}/qr.png"),
        ("", f"/v1/payment-sessions/{session_id}/qr.txt"),
        ("", f"{checkout.path}?{checkout.query}"),
        ("", code.path),
    ):
        for accept in ("application/json", "text/html"):
            shown = api.call(who, "GET", path, Accept=accept)
            assert shown.status_code == 200, (path, shown.text)
            if shown.headers["Content-Type"].startswith("text/html"):
                assert not {*UNACCEPTABLE} - {"\n"} & {*shown.text}
    recorded = history(api.services.log, ids.decode("ps", session_id))
    feed = SessionFeed(recorded, livemode=False)
    assert json.loads(feed.snapshot(recorded[-1].recorded_at))["seq"] == len(recorded)
    [row] = [session for session in listed.json()["data"] if session["id"] == session_id]
    return {**row, "own": session}


@settings(max_examples=20)
@given(
    order=acceptable(1, 20),
    description=acceptable(0, 200),
    metadata=st.dictionaries(acceptable(1, 40), acceptable(0, 200), max_size=5),
    reference=acceptable(1, 80),
    name=acceptable(1, 80),
)
def test_any_accepted_text_is_processed_and_returned_unchanged(
    api: ApiFixture, order: str, description: str, metadata: Any, reference: str, name: str
) -> None:
    facts = {"description": description, "metadata": metadata}
    body = {"order_id": f"{order}{uuid4()}", "amount": USD_10, **facts}
    created = api.call("merchant", "POST", "/v1/payment-sessions", body)
    assert created.status_code == 201, created.text
    wallet = api.open_wallet()
    top_up = {"amount": USD_10, "reference": f"{reference[:40]}{uuid4()}"}
    path = f"/v1/wallets/{wallet}/top-ups"
    topped = api.call("operator", "POST", path, top_up, key=str(uuid4()))
    assert topped.status_code == 201, topped.text
    merchant = api.admin.register_merchant(name, ())
    claim = api.scan(created.json(), wallet).json()["claim"]["id"]
    assert api.pay(created.json(), wallet, claim).status_code == 200

    row = read_everywhere(api, created.json()["id"])

    own = row.pop("own")
    for name_of, sent in body.items():
        if name_of != "amount":
            assert row[name_of] == own[name_of] == sent
    found = api.call(
        "merchant", "GET", f"/v1/payment-sessions?order_id={quote(body['order_id'])}"
    ).json()
    assert [session["id"] for session in found["data"]] == [own["id"]]
    payments = api.call("wallet", "GET", f"/v1/wallets/{wallet}/payments?at_least={api.position()}")
    assert payments.status_code == 200
    stored = api.services.log.stream(ids.decode("mer", merchant))
    assert json.loads(stored[0].state)["name"] == name


def test_old_events_with_any_text_can_be_read_everywhere(api: ApiFixture) -> None:
    session_id, wallet_id = an_old_payment(
        api.services.log,
        merchant_id=api.merchants[0],
        wallet_app_id=api.apps[0],
        at=api.services.log.now(),
    )

    row = read_everywhere(api, ids.encode("ps", session_id))

    own = row.pop("own")
    assert row["metadata"] == own["metadata"] == {OLD_TEXT: OLD_TEXT, "till": "3"}
    assert own["description"] == OLD_TEXT
    assert row["description"].startswith("a\ufffdb")
    wallet = ids.encode("wal", wallet_id)
    path = f"/v1/wallets/{wallet}/payments?at_least={api.position()}"
    payments = api.call("wallet", "GET", path).json()
    assert payments["data"][0]["merchant"]["name"].startswith("a\ufffdb")


@given(st.text(st.characters(), max_size=60))
def test_any_text_can_be_logged_on_one_line(value: str) -> None:
    try:
        int("x" + value)
    except ValueError as failed:
        error = failed
    info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "said %s", (value,), info)

    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert line.encode("utf-8", "strict")
    entry = json.loads(line)
    assert entry["message"].startswith("said ")
    assert entry["exception"].startswith("  File ")


def test_the_audit_of_the_log_and_the_read_models_finds_no_violation(api: ApiFixture) -> None:
    api.create_paid_session()
    log = PostgresLog(ConnectionPool(api.url, DatabaseRole.READER, size_max=1))
    try:
        assert audit.check(api.url, log).violations == []
    finally:
        log.close()
