"""A browser whose request for a page is refused gets words; a program gets the problem document."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from api.pages.texts import languages
from application.errors import LogUnavailable
from domain import ids
from tests.support.memory_api import MemoryApi, http_scope, respond

BROWSER = (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")


def call(api: MemoryApi, path: str, *headers: tuple[bytes, bytes]) -> tuple[int, Any, str]:
    async def answer() -> list[dict[str, Any]]:
        async with api.running():
            return await respond(api.app, http_scope("GET", path, "", headers), b"")

    start, *more = asyncio.run(answer())
    names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], names, b"".join(one.get("body", b"") for one in more).decode()


@pytest.fixture
def api() -> MemoryApi:
    return MemoryApi()


@pytest.fixture
def checkout(api: MemoryApi) -> str:
    return f"/checkout/{ids.encode('ps', api.ledger.create_session())}"


@pytest.mark.parametrize("language", languages().values(), ids=lambda one: one.tag)
def test_a_link_without_its_end_is_explained(api: MemoryApi, checkout: str, language: Any) -> None:
    status, headers, page = call(
        api, checkout, BROWSER, (b"accept-language", language.tag.encode())
    )

    assert status == 400
    assert headers["content-type"].startswith("text/html")
    assert headers["cache-control"] == "no-store"
    assert f'<html lang="{language.tag}"' in page
    assert language.gettext("This page cannot be shown") in page
    assert f"invalid-request · {headers['request-id']}" in page


@pytest.mark.parametrize("path", ["checkout", "/q/{}", "/wallet", "/dashboard/payments"])
def test_a_page_whose_ledger_is_away_says_to_try_again(
    api: MemoryApi, checkout: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    address = checkout if path == "checkout" else path.format(checkout.rpartition("ps_")[2])

    def away(*_: Any, **__: Any) -> Any:
        raise LogUnavailable(reason="the database is away")

    monkeypatch.setattr("api.http.router.read_query", away)

    status, headers, page = call(api, address, BROWSER)
    program = call(api, address, (b"accept", b"application/json"))

    assert status == program[0] == 503
    assert headers["content-type"].startswith("text/html")
    assert headers["retry-after"] == program[1]["retry-after"]
    assert "This page cannot be shown right now" in page
    assert "the database is away" not in page
    assert json.loads(program[2])["code"] == "overloaded"
    assert f"overloaded · {headers['request-id']}" in page


def test_what_is_no_page_stays_a_document_in_a_browser(api: MemoryApi) -> None:
    status, headers, body = call(api, "/v1/payment-sessions", BROWSER)

    assert (status, headers["content-type"]) == (401, "application/problem+json")
    assert json.loads(body)["code"] == "unauthorized"
