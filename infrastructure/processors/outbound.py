"""One HTTP call to a processor: bounded in time and bytes, no redirects, no proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

import httpx2

from application.ports.processor import PROCESSOR_SECONDS_MAX, OutcomeUnknown, Unavailable

ANSWER_BYTES_MAX: Final = 262_144
"""Of a body."""
CONNECT_SECONDS: Final = 5.0
NOT_SENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
    httpx2.LocalProtocolError,
)
"""Errors of a call of which not a byte has reached the other side."""


class HttpAnswer(NamedTuple):
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    """By lower-case names."""
    body: bytes


class Outbound:
    """Calls processors. Thread-safe: each call has a connection of its own."""

    def __init__(
        self,
        transport: httpx2.AsyncBaseTransport | None = None,
        *,
        seconds_max: float = PROCESSOR_SECONDS_MAX,
    ) -> None:
        """Call processors.

        Args:
            transport: takes the requests; None for the network.
            seconds_max: the limit of a whole call, from resolving the name to the last byte.
        """
        self._transport = transport
        self._seconds_max = seconds_max

    def call(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Send a request and read its answer, whatever its status.

        Raises (checked in this order):
            Unavailable: nothing was sent.
            OutcomeUnknown: no complete answer in time, too long a one, or a compressed one.
        """
        return asyncio.run(self._call(method, url, headers, body))

    async def _call(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer:
        try:
            async with asyncio.timeout(self._seconds_max):
                return await self._exchange(method, url, headers, body)
        except TimeoutError:
            msg = f"no complete answer within {self._seconds_max:.0f} s"
            raise OutcomeUnknown(msg) from None
        except (*NOT_SENT, UnicodeError) as error:
            msg = f"not reached: {type(error).__name__}"
            raise Unavailable(msg) from None
        except httpx2.HTTPError as error:
            msg = f"no complete answer: {type(error).__name__}"
            raise OutcomeUnknown(msg) from None

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer:
        async with (
            httpx2.AsyncClient(
                transport=self._transport,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx2.Timeout(self._seconds_max, connect=CONNECT_SECONDS),
            ) as client,
            client.stream(
                method,
                url,
                headers={"Accept-Encoding": "identity", **headers},
                content=body,
            ) as answer,
        ):
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                msg = "the answer is compressed and could expand"
                raise OutcomeUnknown(msg)
            received = bytearray()
            async for part in answer.aiter_raw():
                received += part
                if len(received) > ANSWER_BYTES_MAX:
                    msg = f"the answer has more than {ANSWER_BYTES_MAX} bytes"
                    raise OutcomeUnknown(msg)
            names = {name.lower(): value for name, value in answer.headers.items()}
            return HttpAnswer(answer.status_code, names, bytes(received))
