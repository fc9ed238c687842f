"""Every mistake of a request is named at once, in words of our own."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import operations
from api.http import validation
from api.http.messages import HttpRequest
from api.http.parsing import decode_body, read_query
from api.v1.events import EventsQuery
from api.v1.payment_sessions import CreateSessionBody, PayBody
from api.v1.session_queries import SessionsQuery
from domain.errors import InvalidRequest
from tests.support.documents import document_services

USD_10 = {"minor": 1000, "currency": "USD"}
KINDS = {
    kind.__name__: kind
    for operation in operations(document_services())
    for kind in [operation.body]
    if kind is not None
}
LIBRARY = ("Expected", "expected", "Object", "`", "regex", "matching", "$", "_[0-7]", "\\")
"""What only a library or a regular expression would say."""


def refused(kind: type[Any], value: Any) -> dict[str, str]:
    """The reasons for which a body is refused, by field."""
    scope: Any = {"headers": [(b"content-type", b"application/json")]}
    request = HttpRequest(scope, None)  # type: ignore[arg-type]
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(InvalidRequest) as refusal:
        decode_body(request, raw, kind)
    return by_name(refusal.value)


def refused_query(kind: type[Any], *pairs: tuple[str, str]) -> dict[str, str]:
    """The reasons for which a query is refused, by parameter."""
    scope: Any = {"headers": [], "query_string": urlencode(pairs).encode()}
    with pytest.raises(InvalidRequest) as refusal:
        read_query(HttpRequest(scope, None), kind)  # type: ignore[arg-type]
    return by_name(refusal.value)


def by_name(error: InvalidRequest) -> dict[str, str]:
    params: Any = error.facts["invalid_params"]
    for param in params:
        assert f"{param['name']}: {param['reason']}" in error.detail
        assert not any(word in param["reason"] for word in LIBRARY), param
    return {param["name"]: param["reason"] for param in params}


def test_every_mistake_of_a_body_is_named_at_once() -> None:
    body = {
        "orderid": "A1",
        "amount": {"minor": 0, "currency": "usd", "units": 1},
        "description": "x" * 201,
        "expires_in_seconds": 5,
        "return_url": 5,
        "metadata": {"": "x", "till": 3},
        "checkout_may_cancel": "true",
    }

    assert refused(CreateSessionBody, body) == {
        "orderid": "is not a field of this request; did you mean order_id?",
        "order_id": "is missing",
        "amount.units": "is not a field of this request",
        "amount.minor": "must be from 1 to 999999999999",
        "amount.currency": "must be an upper-case ISO 4217 code; did you mean USD?",
        "description": "may have at most 200 characters",
        "expires_in_seconds": "must be from 60 to 86400",
        "return_url": "must be a text, not a number",
        "metadata": "a key must have 1 to 40 characters",
        "metadata.till": "must be a text, not a number",
        "checkout_may_cancel": "must be true or false",
    }


@pytest.mark.parametrize(
    ("minor", "reason"),
    [
        ("5", "must be a whole number, not a text"),
        (5.5, "must be a whole number, not a number with a fraction or an exponent"),
        (None, "must be a whole number, not null"),
        (True, "must be a whole number, not true or false"),
        ([5], "must be a whole number, not a list"),
        ({}, "must be a whole number, not an object"),
        (10**12, "must be from 1 to 999999999999"),
        (10**40, "must be from 1 to 999999999999"),
    ],
)
def test_a_number_is_refused_with_what_came_instead(minor: Any, reason: str) -> None:
    body = {"order_id": "1", "amount": {"minor": minor, "currency": "USD"}}

    assert refused(CreateSessionBody, body) == {"amount.minor": reason}


@pytest.mark.parametrize(
    ("currency", "hint"),
    [
        ("usd", "; did you mean USD?"),
        ("USD ", "; did you mean USD?"),
        ("", ""),
        ("BITCOIN", ""),
        ("x" * 10_000, ""),
        (840, ", not a number"),
        (None, ", not null"),
    ],
)
def test_a_currency_is_refused_with_the_code_that_may_be_meant(currency: Any, hint: str) -> None:
    body = {"order_id": "1", "amount": {"minor": 1, "currency": currency}}

    reason = f"must be an upper-case ISO 4217 code{hint}"
    assert refused(CreateSessionBody, body) == {"amount.currency": reason}


def test_an_id_is_described_by_its_prefix() -> None:
    body = {"claim_id": "wal_1", "wallet_id": "wal_1", "amount": USD_10, "quote_id": "x"}

    assert refused(PayBody, body) == {
        "claim_id": "must be an id: clm_ and 26 lower-case letters and digits",
        "wallet_id": "must be an id: wal_ and 26 lower-case letters and digits",
        "quote_id": "must be an id: quo_ and 26 lower-case letters and digits",
    }


def test_unacceptable_texts_are_named_together_with_the_other_mistakes() -> None:
    body = {"order_id": "a\0b", "amount": USD_10, "description": "\x85", "expires_in_seconds": 1}

    assert refused(CreateSessionBody, body) == {
        "order_id": "may not contain the character U+0000",
        "description": "may not contain the character U+0085",
        "expires_in_seconds": "must be from 60 to 86400",
    }


def test_of_many_mistakes_the_first_twenty_are_named() -> None:
    body = {f"unknown_{n}": n for n in range(1000)}

    with pytest.raises(InvalidRequest) as refusal:
        decode_body(
            HttpRequest({"headers": [(b"content-type", b"application/json")]}, None),  # type: ignore[arg-type]
            json.dumps(body).encode(),
            CreateSessionBody,
        )

    assert len(refusal.value.facts["invalid_params"]) == validation.MISTAKES_MAX  # type: ignore[arg-type]
    assert refusal.value.detail.endswith("; there are more mistakes")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[]", "must be an object"),
        (b"null", "must be an object"),
        (b"{", "is not JSON in UTF-8"),
        (b'{"order_id": NaN}', "is not JSON in UTF-8; see byte 13"),
        (b'{"order_id": 5, "amount": }', "is not JSON in UTF-8; see byte 26"),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, "is nested too deeply"),
    ],
)
def test_a_body_that_is_no_object_is_described(raw: bytes, reason: str) -> None:
    assert refused(CreateSessionBody, raw) == {"body": reason}


def test_every_mistake_of_a_query_is_named_at_once() -> None:
    pairs = ("limit", "101"), ("status", "payed"), ("currency", "eur"), ("at_least", "1e3")

    assert refused_query(SessionsQuery, *pairs) == {
        "limit": "must be from 1 to 100",
        "status": (
            "must be cancelled, created, expired, failed, paid, processing or scanned; "
            "did you mean paid?"
        ),
        "currency": "must be an upper-case ISO 4217 code; did you mean EUR?",
        "at_least": "must be a whole number in decimal digits",
    }
    assert refused_query(EventsQuery, ("type", "paid"), ("sesion", "x")) == {
        "sesion": "is not a parameter of this request; did you mean session?",
        "type": "must be a type of event such as payment_session.paid",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(data=st.data())
def test_the_walk_finds_a_mistake_exactly_where_the_decoder_refuses(
    kind: type[msgspec.Struct], data: st.DataObject
) -> None:
    fields = [field.encode_name for field in msgspec.structs.fields(kind)]
    name = st.sampled_from(fields) | st.text(max_size=5)
    value = data.draw(st.dictionaries(name, json_values | st.just(USD_10)) | json_values)
    raw = msgspec.json.encode(value)
    plain = msgspec.json.decode(raw)

    try:
        msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        params: Any = validation.refuse(plain, kind, validation.BODY).facts["invalid_params"]
        assert all(param["reason"] != "is not valid" for param in params)
        assert not any(word in param["reason"] for param in params for word in LIBRARY)
    else:
        walked = validation._walk("", plain, validation._type(kind), validation.BODY)
        assert not list(walked)
