"""HTTP load: clients that create, scan and pay one session after another."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from benchmarks.load import Connection

AMOUNT: Final = {"minor": 1, "currency": "USD"}
STEPS: Final = ("create", "scan", "pay")


@dataclass
class Flows:
    """What a load did."""

    completed: int = 0
    seconds: float = 0.0
    took: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    """Durations of each step, in seconds."""

    @property
    def commands(self) -> int:
        """Commands accepted."""
        return sum(len(durations) for durations in self.took.values())


class Clients:
    """Clients of one API, each with a connection and, unless they share one, a wallet."""

    def __init__(
        self, url: str, keys: dict[str, str], count: int, *, losing_every: int = 0
    ) -> None:
        """Prepare the clients; nothing is sent yet.

        Args:
            url: base URL of the API.
            keys: `merchant_key` and `wallet_key`.
            count: number of clients.
            losing_every: in each so many flows, another client's wallet scans a session that is
                claimed, and is refused; 0 for never.
        """
        self._losing_every = losing_every
        self._merchant_key, self._wallet_key = keys["merchant_key"], keys["wallet_key"]
        self._connections = [Connection(url) for _ in range(count)]
        self._wallets: list[str] = []

    async def open_wallets(self) -> None:
        """Open a wallet for each client and fill it."""
        self._wallets = list(await asyncio.gather(*map(self._open_wallet, self._connections)))

    async def run(
        self, seconds: float, *, per_second: float = 0, one_wallet: bool = False
    ) -> Flows:
        """Create, scan and pay until time is up; each client completes its last flow.

        Args:
            seconds: duration of the load.
            per_second: flows started per second over all clients; 0 for no limit.
            one_wallet: pay every session from the same wallet.

        Raises:
            RuntimeError: a response's status is not 2xx.
        """
        flows = Flows()
        count = len(self._connections)
        wallets = self._wallets[:1] * count if one_wallet else self._wallets
        started = time.perf_counter()
        pause = count / per_second if per_second else 0.0

        async def client(number: int) -> None:
            next_start = started + pause * number / count
            rival = self._wallets[(number + 1) % count]
            while time.perf_counter() < started + seconds:
                if pause:
                    await asyncio.sleep(max(0.0, next_start - time.perf_counter()))
                    next_start += pause
                await self._flow(self._connections[number], wallets[number], rival, flows)

        await asyncio.gather(*map(client, range(count)))
        flows.seconds = time.perf_counter() - started
        return flows

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()

    async def _open_wallet(self, connection: Connection) -> str:
        wallet = await connection.post("/v1/wallets", {"currency": "USD"}, self._wallet_key)
        top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
        path = f"/v1/wallets/{wallet['id']}/top-ups"
        await connection.post(path, top_up, self._wallet_key, str(uuid4()))
        return str(wallet["id"])

    async def _flow(self, connection: Connection, wallet: str, rival: str, flows: Flows) -> None:
        times = [time.perf_counter()]
        body: dict[str, Any] = {"order_id": str(uuid4()), "amount": AMOUNT}
        session = await connection.post("/v1/payment-sessions", body, self._merchant_key)
        times.append(time.perf_counter())
        scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
        claim = (await connection.post("/v1/scans", scan, self._wallet_key))["claim"]["id"]
        times.append(time.perf_counter())
        if self._losing_every and flows.completed % self._losing_every == 0:
            losing = scan | {"wallet_id": rival}
            await connection.post("/v1/scans", losing, self._wallet_key, status=b"409")
            waited = time.perf_counter() - times[-1]
            times = [at + waited for at in times]  # it is part of no step
        pay = {"claim_id": claim, "wallet_id": wallet, "amount": AMOUNT}
        path = f"/v1/payment-sessions/{session['id']}/pay"
        await connection.post(path, pay, self._wallet_key, str(uuid4()))
        times.append(time.perf_counter())
        for step, begin, end in zip(STEPS, times, times[1:], strict=False):
            flows.took[step].append(end - begin)
        flows.completed += 1
