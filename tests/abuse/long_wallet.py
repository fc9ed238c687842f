"""A tenant that is busy on one wallet with a long history, and the same on a new one."""

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
from tests.abuse.attacks import Seen

PER_SECOND = 100
"""The default rate limit."""
LINKS = 4
REPLAYS = 50
"""Keys that are used again and again, in each part of the wallet's history."""


def grow(bus: Bus, wallet_id: str, top_ups: int) -> None:
    """Lengthen a wallet's history past the HTTP interface, which would take its time."""
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
    """Tops one wallet up at the default rate; every third request repeats an old one."""

    def __init__(self, api: str, wallet_key: str) -> None:
        self._api, self._key = api, wallet_key
        self.wallet_id = ""
        self._replays: list[str] = []

    async def open(self, bus: Bus, top_ups: int) -> None:
        """A wallet with a history, and keys from its beginning and its middle."""
        link = Connection(self._api)
        wallet = await link.post("/v1/wallets", {"currency": "USD"}, self._key)
        self.wallet_id = wallet["id"]
        for _ in range(2):
            for _ in range(REPLAYS):
                key = str(uuid4())
                await self._top_up(link, key)
                self._replays.append(key)
            await asyncio.to_thread(grow, bus, self.wallet_id, top_ups // 2)
        link.close()

    async def _top_up(self, link: Connection, key: str) -> None:
        body = {"amount": {"minor": 1, "currency": "USD"}, "reference": key}
        await link.post(f"/v1/wallets/{self.wallet_id}/top-ups", body, self._key, key)

    async def run(self, over: asyncio.Event, seen: Seen) -> None:
        """Ask until it is over; a refusal raises."""

        async def one() -> None:
            link = Connection(self._api)
            while not over.is_set():
                again = random.random() < 1 / 3
                await self._top_up(link, random.choice(self._replays) if again else str(uuid4()))
                seen["replayed" if again else "topped up"] += 1
                await asyncio.sleep(LINKS / PER_SECOND)
            link.close()

        await asyncio.gather(*(one() for _ in range(LINKS)))
