"""Streamed responses end with their client, and never complete what was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from api.http.messages import HttpRequest
from api.http.security_headers import security_headers
from api.http.streaming import StreamedResponse
from application.ports.event_lines import LinesCutOff
from tests.support.memory_api import http_scope

SECONDS_MAX = 10


class Blocks:
    """The same block again and again, or a few of them and then the end of a broken stream."""

    def __init__(self, cut_off_after: int | None = None) -> None:
        self._cut_off_after = cut_off_after
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sent = 0
        while sent != self._cut_off_after:
            yield b"{}\n"
            sent += 1
            await asyncio.sleep(0)
        raise LinesCutOff

    async def close(self) -> None:
        self.closed = True


def play(blocks: Blocks, client: Any) -> list[Any]:
    """What the server is told to send, while the client does what it does."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def scenario() -> None:
        request = HttpRequest(http_scope("GET", "/v1/events"), client)
        response = StreamedResponse(
            blocks, request, media_type="application/x-ndjson", headers={"Ledger-Position": "7"}
        )
        async with asyncio.timeout(SECONDS_MAX):
            await response.send(send, security_headers(secure=True))

    asyncio.run(scenario())
    return messages


async def stays() -> Any:
    await asyncio.Event().wait()


async def leaves() -> Any:
    await asyncio.sleep(0.01)
    return {"type": "http.disconnect"}


def test_a_stream_ends_when_its_client_has_left() -> None:
    blocks = Blocks()

    messages = play(blocks, leaves)

    assert messages[-1] == {"type": "http.response.body", "body": b"{}\n", "more_body": True}
    assert blocks.closed


def test_a_stream_that_was_cut_off_is_not_completed() -> None:
    blocks = Blocks(cut_off_after=2)

    start, *bodies = play(blocks, stays)

    assert start["status"] == 200
    assert (b"ledger-position", b"7") in start["headers"]
    assert (b"content-type", b"application/x-ndjson") in start["headers"]
    assert b"content-length" not in dict(start["headers"])
    assert [(one["body"], one["more_body"]) for one in bodies] == [(b"{}\n", True)] * 2
    assert blocks.closed
