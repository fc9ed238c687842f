"""Unknown API keys from the honest clients' own address.

Every key is new, has the right form and checksum, and was never issued. A 401 was looked up in
PostgreSQL, a 429 was not: lookups stay within the address's limit per second plus one burst.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from domain.merchants.api_key import BearerKey, Role
from tests.abuse.attacks import Attack

CONNECTIONS: Final = 16
LIMIT: Final = 400
"""`QRLEDGER_RATE_LIMIT` of the run."""


def request_with_unknown_key() -> bytes:
    random = uuid4().bytes + uuid4().bytes
    key = BearerKey.make(mode="test", role=Role.MERCHANT, key_id=uuid4(), random=random).text
    return f"GET /v1/payment-sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def attack_on(api: str) -> Attack:
    """Sixteen connections that send the next request as soon as they have a response."""
    parts = urlsplit(api)

    async def connection(stop: asyncio.Event, counts: Counter[str]) -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while not stop.is_set():
            writer.write(request_with_unknown_key())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = head.lower().partition("content-length: ")[2].partition("\r\n")[0]
            await reader.readexactly(int(length or 0))
            counts[head.split()[1]] += 1
        writer.close()

    async def unknown_keys(stop: asyncio.Event, counts: Counter[str]) -> None:
        started = time.monotonic()
        await asyncio.gather(*(connection(stop, counts) for _ in range(CONNECTIONS)))
        limit = LIMIT * (2 + time.monotonic() - started)
        assert counts["401"] <= limit, f"{counts['401']} keys were looked up, limit {limit:.0f}"
        assert set(counts) <= {"401", "429"}, counts

    return unknown_keys
