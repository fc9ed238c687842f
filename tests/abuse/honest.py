"""Honest clients, and their response times while something else happens."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any, Final
from uuid import uuid4

from benchmarks.load import Connection
from tests.abuse.attacks import Attack
from tests.chaos.installation import ChaosInstallation

CLIENTS: Final = 4
PAUSE_SECONDS: Final = 0.03
STOP_SECONDS_MAX: Final = 60
AMOUNT: Final = {"minor": 1, "currency": "USD"}
REFUNDED_EVERY: Final = 4
QUOTED_EVERY: Final = 10
"""One session in so many is paid in another currency, refunded in part, and followed by a payout."""
QUOTED: Final = {"minor": 250, "currency": "USD"}
PART: Final = {"minor": 67, "currency": "USD"}
PAYOUT: Final = {"minor": 100, "currency": "USD"}
"""Less than what remains of the payment, so that it is never refused."""


async def honest(
    api: str, keys: tuple[str, str], stop: asyncio.Event, *, books: bool = True
) -> list[float]:
    """Create, scan, pay, refund, quote and pay out until `stop`. A refusal raises.

    Args:
        api: the address of the API.
        keys: of the merchant and of the wallet app.
        stop: ends the clients.
        books: False for payments only.

    Returns:
        The response times in ms.
    """
    times: list[float] = []

    async def post(connection: Connection, path: str, body: object, key: str) -> dict[str, Any]:
        started = time.perf_counter()
        document: dict[str, Any] = await connection.post(path, body, key, str(uuid4()))
        times.append(1000 * (time.perf_counter() - started))
        return document

    async def wallet_in(connection: Connection, currency: str) -> Any:
        wallet = (await post(connection, "/v1/wallets", {"currency": currency}, keys[1]))["id"]
        top_up = {"amount": {"minor": 10**9, "currency": currency}, "reference": "r"}
        await post(connection, f"/v1/wallets/{wallet}/top-ups", top_up, keys[1])
        return wallet

    async def client() -> None:
        connection, number = Connection(api), 0
        wallets = [await wallet_in(connection, currency) for currency in ("USD", "EUR")]
        while not stop.is_set():
            number += 1
            by_quote = books and number % QUOTED_EVERY == 0
            wallet, price = wallets[by_quote], (AMOUNT, QUOTED)[by_quote]
            body = {"order_id": str(uuid4()), "amount": price}
            session = await post(connection, "/v1/payment-sessions", body, keys[0])
            scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
            claim = (await post(connection, "/v1/scans", scan, keys[1]))["claim"]["id"]
            pay = {"claim_id": claim, "wallet_id": wallet, "amount": price}
            path = f"/v1/payment-sessions/{session['id']}"
            if by_quote:
                await pay_by_quote(connection, path, pay)
                await refund(connection, path, PART)
                payout = await post(connection, "/v1/payouts", {"amount": PAYOUT}, keys[0])
                assert payout["amount"]["minor"] == PAYOUT["minor"], payout
            else:
                await post(connection, f"{path}/pay", pay, keys[1])
                if books and number % REFUNDED_EVERY == 0:
                    await refund(connection, path, AMOUNT)
            await asyncio.sleep(PAUSE_SECONDS)
        connection.close()

    async def pay_by_quote(connection: Connection, path: str, pay: dict[str, Any]) -> None:
        """The clock may jump between quote and payment: a second quote then holds."""
        body = {"wallet_id": pay["wallet_id"], "session_id": path.rpartition("/")[2]}
        for last in (False, True):
            quote = await post(connection, "/v1/fx-quotes", body, keys[1])
            assert quote["to"]["minor"] == QUOTED["minor"], quote
            try:
                await post(connection, f"{path}/pay", pay | {"quote_id": quote["id"]}, keys[1])
                break
            except RuntimeError as refusal:
                if last or "quote-expired" not in str(refusal):
                    raise

    async def refund(connection: Connection, path: str, amount: dict[str, Any]) -> None:
        made = await post(connection, f"{path}/refunds", {"amount": amount}, keys[0])
        assert made["status"] == "succeeded", made
        assert made["amount"]["minor"] == amount["minor"], made

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return times


async def during_attack(
    installation: ChaosInstallation, attack: Attack, seconds: float, *, books: bool = True
) -> tuple[list[float], Counter[str]]:
    """Run an attack beside honest clients; returns their response times and what it counted."""
    stop, counts = asyncio.Event(), Counter[str]()
    keys = (installation.merchant_key, installation.wallet_key)
    attacking = asyncio.create_task(attack(stop, counts))
    serving = asyncio.create_task(honest(installation.apis[0], keys, stop, books=books))
    await asyncio.sleep(seconds)
    stop.set()
    times = await asyncio.wait_for(serving, STOP_SECONDS_MAX)
    await asyncio.wait_for(attacking, STOP_SECONDS_MAX)
    return times, counts
