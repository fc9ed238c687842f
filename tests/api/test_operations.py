"""What an operation reads from a request is declared by its handler's parameters."""

from __future__ import annotations

from typing import Any

import pytest

from api.http.messages import HttpResponse
from api.http.operation import Call, Operation
from api.http.parsing import Body, Query, SessionPathId


class ABody(Body):
    name: str


class AQuery(Query):
    page: int


def an_operation(handler: Any, path: str = "/things/{id:str}") -> Operation:
    return Operation(name="op", method="POST", path=path, summary="", handler=handler)


def test_body_query_and_path_types_are_those_of_the_handler() -> None:
    async def handler(
        call: Call, body: ABody, query: AQuery, id: SessionPathId, *, kind: str = "svg"
    ) -> HttpResponse:
        raise NotImplementedError

    operation = an_operation(handler)

    assert operation.body is ABody
    assert operation.query is AQuery
    assert operation.path_ids == (("id", "ps"),)


def test_a_plain_path_parameter_has_no_prefix() -> None:
    async def handler(call: Call, id: str) -> HttpResponse:
        raise NotImplementedError

    operation = an_operation(handler)

    assert (operation.body, operation.query) == (None, None)
    assert operation.path_ids == (("id", ""),)


def test_a_parameter_that_nothing_can_fill_is_an_error_at_startup() -> None:
    async def handler(call: Call, name: str) -> HttpResponse:
        raise NotImplementedError

    with pytest.raises(TypeError, match="name is not a path parameter"):
        an_operation(handler)


def test_a_path_parameter_must_be_text_or_an_id() -> None:
    async def handler(call: Call, id: int) -> HttpResponse:
        raise NotImplementedError

    with pytest.raises(TypeError, match="id is not a path parameter"):
        an_operation(handler)
