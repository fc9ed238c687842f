"""Responses whose body is sent block by block, for as long as the client reads it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

from api.http.messages import DefaultHeaders, HttpRequest, HttpResponse, Send
from application.ports.event_lines import LinesCutOff, LinesWanted

_log: Final = logging.getLogger(__name__)


class Blocks(Protocol):
    """An open stream of lines. Iterate over it once, then close it."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Blocks of whole or partial lines, in order; ends after the last line.

        Raises:
            LinesCutOff: the stream ended before its last line.
        """
        ...

    async def close(self) -> None:
        """Release everything, wherever the stream stands."""
        ...


class EventLines(Protocol):
    """Opens streams of the log's events, as lines of JSON."""

    async def open(self, wanted: LinesWanted, reader: str) -> Blocks:
        """Begin a stream: when this returns, its first lines can be sent.

        Args:
            wanted: which events.
            reader: who reads them, such as the id of an API key.

        Raises (checked in this order):
            TooManyStreams: the reader has two open streams.
            Overloaded: too many streams are open in this process, or it cannot begin.
        """
        ...


class StreamedResponse(HttpResponse):
    """A body of unknown length.

    A body that ends too early is not completed: the server closes the connection, so the client
    never takes a part for the whole. A client that does not read is disconnected by the server.
    """

    __slots__ = ("_blocks", "_request")

    def __init__(
        self,
        blocks: Blocks,
        request: HttpRequest,
        *,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(b"", media_type=media_type, headers=headers)
        self._blocks = blocks
        self._request = request

    async def send(
        self, send: Send, default_headers: DefaultHeaders, *, head: bool = False
    ) -> None:
        """Send the blocks until they end or the client has gone; closes them in any case."""
        gone = asyncio.create_task(self._close_when_gone())
        try:
            pairs = default_headers.pairs(self)
            pairs.append((b"content-type", self.media_type.encode("latin-1")))
            await send({"type": "http.response.start", "status": 200, "headers": pairs})
            if not head:
                async for block in self._blocks:
                    if gone.done():
                        return
                    await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except LinesCutOff:
            if not gone.done():
                _log.warning("a stream of events ended too early")
        finally:
            gone.cancel()
            await self._blocks.close()

    async def _close_when_gone(self) -> None:
        await self._request.disconnected()
        await self._blocks.close()
