"""Honest clients, and their response times while something else happens."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Final
from uuid import uuid4

from benchmarks.load import Connection
from tests.abuse.attacks import Attack
from tests.chaos.installation import ChaosInstallation

CLIENTS: Final = 4
PAUSE_SECONDS: Final = 0.03
STOP_SECONDS_MAX: Final = 60
AMOUNT: Final = {"minor": 1, "currency": "USD"}


async def honest(api: str, keys: tuple[str, str], stop: asyncio.Event) -> list[float]:
    """Create, scan and pay until `stop`; returns response times in ms. A refusal raises."""
    times: list[float] = []

    async def post(connection: Connection, path: str, body: object, key: str) -> dict[str, object]:
        started = time.perf_counter()
        document: dict[str, object] = await connection.post(path, body, key, str(uuid4()))
        times.append(1000 * (time.perf_counter() - started))
        return document

    async def client() -> None:
        connection = Connection(api)
        wallet = (await post(connection, "/v1/wallets", {"currency": "USD"}, keys[1]))["id"]
        top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
        await post(connection, f"/v1/wallets/{wallet}/top-ups", top_up, keys[1])
        while not stop.is_set():
            body = {"order_id": str(uuid4()), "amount": AMOUNT}
            session = await post(connection, "/v1/payment-sessions", body, keys[0])
            qr = session["qr"]
            assert isinstance(qr, dict)
            scan = {"payload": qr["payload"], "wallet_id": wallet}
            claim = (await post(connection, "/v1/scans", scan, keys[1]))["claim"]
            assert isinstance(claim, dict)
            pay = {"claim_id": claim["id"], "wallet_id": wallet, "amount": AMOUNT}
            await post(connection, f"/v1/payment-sessions/{session['id']}/pay", pay, keys[1])
            await asyncio.sleep(PAUSE_SECONDS)
        connection.close()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return times


async def during_attack(
    installation: ChaosInstallation, attack: Attack, seconds: float
) -> tuple[list[float], Counter[str]]:
    """Run an attack beside honest clients; returns their response times and what it counted."""
    stop, counts = asyncio.Event(), Counter[str]()
    keys = (installation.merchant_key, installation.wallet_key)
    attacking = asyncio.create_task(attack(stop, counts))
    serving = asyncio.create_task(honest(installation.apis[0], keys, stop))
    await asyncio.sleep(seconds)
    stop.set()
    times = await asyncio.wait_for(serving, STOP_SECONDS_MAX)
    await asyncio.wait_for(attacking, STOP_SECONDS_MAX)
    return times, counts
