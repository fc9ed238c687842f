"""Unknown keys from the honest clients' own address: nobody honest waits, the log is hardly asked.

Every key is new, of the right form and check sum, and opens nothing. What counts is how many of
the requests reached PostgreSQL: at most the address's limit a second, and one burst of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from domain.merchants.api_key import BearerKey, Role
from tests.abuse.attacks import Attack
from tests.chaos.installation import ChaosInstallation

CONNECTIONS: Final = 16
LIMIT: Final = 400
"""`QRLEDGER_RATE_LIMIT` of the run."""

Beside = Callable[[ChaosInstallation, Attack, float], Awaitable[tuple[list[float], Counter[str]]]]


def a_request() -> bytes:
    """A call with a key that nobody gave out."""
    random = uuid4().bytes + uuid4().bytes
    key = BearerKey.make(mode="test", role=Role.MERCHANT, key_id=uuid4(), random=random).text
    return f"GET /v1/payment-sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def attack_on(api: str) -> Attack:
    """Sixteen connections, each as fast as it is answered."""
    parts = urlsplit(api)

    async def one(over: asyncio.Event, seen: Counter[str]) -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while not over.is_set():
            writer.write(a_request())
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = answer.lower().partition("content-length: ")[2].partition("\r\n")[0]
            await reader.readexactly(int(length or 0))
            seen[answer.split()[1]] += 1
        writer.close()

    async def unknown_keys(over: asyncio.Event, seen: Counter[str]) -> None:
        started = time.monotonic()
        await asyncio.gather(*(one(over, seen) for _ in range(CONNECTIONS)))
        most = LIMIT * (2 + time.monotonic() - started)
        assert seen["401"] <= most, f"{seen['401']} unknown keys were looked up, {most:.0f} may"
        assert set(seen) <= {"401", "429"}, seen

    return unknown_keys


async def run(
    installation: ChaosInstallation,
    seconds: float,
    beside: Beside,
    show: Callable[[str, list[float], str], None],
) -> None:
    """The attack beside honest clients; a 401 was looked up in the log, a 429 was not."""
    took, seen = await beside(installation, attack_on(installation.apis[0]), seconds)
    told = f"{seen.total()} requests, {seen['401']} reached the log, {seen['429']} x 429"
    show("unknown_keys", took, told)
