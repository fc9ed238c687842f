"""The sandbox's page: the payer decides once, and the callback of it is stored."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.support.memory_api import MemoryApi, http_scope, respond
from tests.support.processors import charge

HTML = [(b"accept", b"text/html")]


@pytest.fixture
def api() -> MemoryApi:
    return MemoryApi()


def begin(api: MemoryApi, minor: int = 1262) -> str:
    return api.sandbox.begin(charge(minor, return_url="http://127.0.0.1:8080/q/1")).reference


def call(
    api: MemoryApi, method: str, path: str, headers: Any = ()
) -> tuple[int, dict[str, str], str]:
    start, *rest = asyncio.run(respond(api.app, http_scope(method, path, "", headers), b""))
    names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], names, b"".join(one.get("body", b"") for one in rest).decode()


def test_the_page_shows_the_amount_and_two_buttons(api: MemoryApi) -> None:
    reference = begin(api)

    status, headers, page = call(api, "GET", f"/sandbox/{reference}", HTML)

    assert status == 200
    assert "$12.62" in page
    assert f'action="/sandbox/{reference}/approve"' in page
    assert f'action="/sandbox/{reference}/decline"' in page
    assert "form-action 'self'" in headers["content-security-policy"]


@pytest.mark.parametrize(("word", "state"), [("approve", "captured"), ("decline", "declined")])
def test_the_payer_decides_once_and_goes_back_to_our_page(
    api: MemoryApi, word: str, state: str
) -> None:
    reference = begin(api)
    other = "decline" if word == "approve" else "approve"

    status, headers, _ = call(api, "POST", f"/sandbox/{reference}/{word}", HTML)
    _, _, again = call(api, "POST", f"/sandbox/{reference}/{other}")
    _, _, page = call(api, "GET", f"/sandbox/{reference}", HTML)

    assert (status, headers["location"]) == (303, "http://127.0.0.1:8080/q/1")
    assert json.loads(again)["status"] == state
    assert "This payment has ended." in page
    [(notice, _)] = api.inbox.received.values()
    assert notice.answer.state == state


@pytest.mark.parametrize(
    "reference", ["sbx_1", "sbx_%00", "\u202e", "a" * 500, "..", "sbx_1'--"]
)  # fmt: skip
def test_an_address_of_no_charge_is_not_found(api: MemoryApi, reference: str) -> None:
    for method, path in (("GET", ""), ("POST", "/approve"), ("POST", "/decline")):
        assert call(api, method, f"/sandbox/{reference}{path}")[0] == 404


def test_a_charge_whose_payer_is_not_asked_has_no_page(api: MemoryApi) -> None:
    reference = begin(api, 1200)

    assert call(api, "GET", f"/sandbox/{reference}")[0] == 404
    assert call(api, "POST", f"/sandbox/{reference}/decline")[0] == 404
    assert not api.inbox.received
