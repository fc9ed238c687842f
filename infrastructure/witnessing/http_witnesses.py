"""Asks witnesses over HTTP, all at once. No redirect is followed and no proxy is used."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx2

from application.ports.witnesses import NoAnswer, WitnessAnswer
from domain.audit.policy import Policy
from domain.audit.vkey import VerifierKey
from infrastructure import origins

ASK_SECONDS: Final = 2.0
"""The limit of one round, whatever a witness does: sealing waits for it."""
ANSWER_BYTES_MAX: Final = 64 * 1024
URL_CHARS_MAX: Final = 2048


class BadWitnessUrl(ValueError):
    """The policy has an address of a witness that may not be called."""


class HttpWitnesses:
    """`application.ports.witnesses.Witnesses` over HTTP, with connections that are kept."""

    def __init__(
        self,
        policy: Policy,
        *,
        seconds: float = ASK_SECONDS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            policy: has the addresses.
            seconds: the limit of one round.
            transport: takes the requests; None for the network.

        Raises:
            BadWitnessUrl: an address is neither https nor http to this machine.
        """
        self._urls = {
            key: _target(policy.urls[key])
            for key in policy.witnesses.values()
            if key in policy.urls
        }
        self._seconds = seconds
        self._runner = asyncio.Runner()
        self._client = httpx2.AsyncClient(
            transport=transport, trust_env=False, follow_redirects=False, timeout=seconds
        )

    def ask(
        self, requests: Mapping[VerifierKey, bytes]
    ) -> Mapping[VerifierKey, WitnessAnswer | NoAnswer]:
        """See the port."""
        return self._runner.run(self._ask(requests))

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._client.aclose())
        self._runner.close()

    async def _ask(
        self, requests: Mapping[VerifierKey, bytes]
    ) -> dict[VerifierKey, WitnessAnswer | NoAnswer]:
        answers = await asyncio.gather(
            *(self._post(self._urls[key], body) for key, body in requests.items())
        )
        return dict(zip(requests, answers, strict=True))

    async def _post(self, url: str, body: bytes) -> WitnessAnswer | NoAnswer:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._exchange(url, body)
        except TimeoutError:
            return NoAnswer(f"none within {self._seconds:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            return NoAnswer(type(error).__name__)

    async def _exchange(self, url: str, body: bytes) -> WitnessAnswer | NoAnswer:
        headers = {"Accept-Encoding": "identity", "Content-Type": "text/plain; charset=utf-8"}
        async with self._client.stream("POST", url, headers=headers, content=body) as answer:
            received = bytearray()
            async for part in answer.aiter_raw():
                received += part
                if len(received) > ANSWER_BYTES_MAX:
                    return NoAnswer(f"more than {ANSWER_BYTES_MAX} bytes")
            return WitnessAnswer(answer.status_code, bytes(received))


def _target(prefix: str) -> str:
    """Where requests to a witness go.

    Raises:
        BadWitnessUrl: not an address that may be called.
    """
    try:
        parts = urlsplit(prefix)
        scheme, host, _ = origins.parse(f"{parts.scheme}://{parts.netloc}", ("http", "https"))
    except ValueError:
        scheme = host = ""
    plain = scheme == "https" or (scheme == "http" and origins.is_loopback(host))
    if not plain or len(prefix) > URL_CHARS_MAX or "?" in prefix or "#" in prefix:
        text = f"{prefix!r:.80} is not the address of a witness: https, or http to this machine"
        raise BadWitnessUrl(text)
    return f"{prefix.rstrip('/')}/add-checkpoint"
