"""A tenant that keeps one wallet busy, with or without a long history."""

from __future__ import annotations

import asyncio
import random
from uuid import uuid4

from uuid_utils.compat import uuid7

from application.bus import Bus
from application.command import Envelope, Outcome
from application.commands.top_up_wallet import TopUpWallet
from benchmarks.load import Connection
from domain import ids
from domain.money.money import Money
from tests.abuse.attacks import Counts

REQUESTS_PER_SECOND = 100
"""The default rate limit."""
CONNECTIONS = 4
REPLAYS = 50
"""Idempotency keys that are replayed, from each half of the wallet's history."""


def grow(bus: Bus, wallet_id: str, top_ups: int) -> None:
    """Add top-ups through the bus, which is faster than the HTTP API."""
    wallet = ids.decode("wal", wallet_id)
    for first in range(0, top_ups, 256):
        batch = [
            Envelope(
                command=TopUpWallet(
                    wallet_id=wallet, amount=Money(1, "USD"), reference=str(uuid4())
                ),
                command_id=uuid7(),
                actor="abuse",
            )
            for _ in range(min(256, top_ups - first))
        ]
        assert all(isinstance(result, Outcome) for result in bus.send_all(batch))


class BusyTenant:
    """Tops up one wallet at the default rate limit; one request in three is a replay."""

    def __init__(self, api: str, wallet_key: str) -> None:
        self._api, self._key = api, wallet_key
        self.wallet_id = ""
        self._replays: list[str] = []

    async def open(self, bus: Bus, top_ups: int) -> None:
        """Open a wallet with a history, and keep keys from its beginning and its middle."""
        connection = Connection(self._api)
        wallet = await connection.post("/v1/wallets", {"currency": "USD"}, self._key)
        self.wallet_id = wallet["id"]
        for _ in range(2):
            for _ in range(REPLAYS):
                key = str(uuid4())
                await self._top_up(connection, key)
                self._replays.append(key)
            await asyncio.to_thread(grow, bus, self.wallet_id, top_ups // 2)
        connection.close()

    async def _top_up(self, connection: Connection, key: str) -> None:
        body = {"amount": {"minor": 1, "currency": "USD"}, "reference": key}
        await connection.post(f"/v1/wallets/{self.wallet_id}/top-ups", body, self._key, key)

    async def run(self, stop: asyncio.Event, counts: Counts) -> None:
        """Top up until `stop`. A refusal raises."""

        async def client() -> None:
            connection = Connection(self._api)
            while not stop.is_set():
                replay = random.random() < 1 / 3
                await self._top_up(
                    connection, random.choice(self._replays) if replay else str(uuid4())
                )
                counts["replayed" if replay else "topped up"] += 1
                await asyncio.sleep(CONNECTIONS / REQUESTS_PER_SECOND)
            connection.close()

        await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
