"""Scans beside payments: of a session's code, and of printed codes whose signature is checked."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from benchmarks.flows import AMOUNT
from benchmarks.installation import Installation
from benchmarks.limits import STEADY_SECONDS
from benchmarks.load import Connection, percentile
from benchmarks.processes import ROOT, environment_of, run_command
from benchmarks.table import Table, milliseconds

CLIENTS: Final = 32
KINDS: Final = ("session", "signed address", "signed EMVCo code")


@dataclass
class Times:
    """How long scans and payments took, in seconds."""

    scans: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    pays: list[float] = field(default_factory=list)


async def measure_scans(running: Installation, per_second: float, table: Table) -> None:
    """Scan the three kinds of codes in turn, and pay what was scanned.

    Args:
        running: the installation.
        per_second: scans per second over all clients.
        table: receives the results.
    """
    connections = [Connection(running.base_url) for _ in range(CLIENTS)]
    payloads = await _printed(running, connections[0])
    wallets = [await _wallet(running, one) for one in connections]
    times, started = Times(), time.perf_counter()
    pause = CLIENTS / per_second

    async def client(number: int) -> None:
        start, turn = started + pause * number / CLIENTS, number
        while time.perf_counter() < started + STEADY_SECONDS:
            await asyncio.sleep(max(0.0, start - time.perf_counter()))
            start, turn = start + pause, turn + 1
            kind = KINDS[turn % len(KINDS)]
            await _scan_and_pay(
                running, connections[number], wallets[number], kind, payloads, times
            )

    await asyncio.gather(*map(client, range(CLIENTS)))
    for kind in KINDS:
        taken = times.scans[kind]
        slower = percentile(taken, 0.99) / percentile(times.pays, 0.99)
        table.row(
            f"scan of a {kind}, p50 / p99; p99 / that of pay",
            f"{milliseconds(taken)}; {slower:.2f}",
        )
    table.row(f"pay beside them, {per_second:,.0f}/s, p50 / p99", milliseconds(times.pays))
    for connection in connections:
        connection.close()


async def _printed(running: Installation, connection: Connection) -> dict[str, str]:
    """The texts of a code with an open amount."""
    body: dict[str, Any] = {"currency": "USD"}
    key = running.keys["merchant_key"]
    code = await connection.post("/v1/static-codes", body, key)
    environment = environment_of(ROOT, {"QRLEDGER_DATABASE_URL": running.database_url})
    run_command(
        environment, "merchants", "qr", code["merchant"]["id"], "--country", "US", "--city",
        "Springfield", "--category", "5812", "--name", "Corner Cafe",
    )  # fmt: skip
    body["formats"] = ["url", "emv"]
    made = await connection.post("/v1/static-codes", body, key)
    return {KINDS[1]: made["payloads"]["url"], KINDS[2]: made["payloads"]["emv"]}


async def _wallet(running: Installation, connection: Connection) -> str:
    key = running.keys["wallet_key"]
    wallet = await connection.post("/v1/wallets", {"currency": "USD"}, key)
    top_up = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
    await connection.post(f"/v1/wallets/{wallet['id']}/top-ups", top_up, key, str(uuid4()))
    return str(wallet["id"])


async def _scan_and_pay(
    running: Installation,
    connection: Connection,
    wallet: str,
    kind: str,
    payloads: dict[str, str],
    times: Times,
) -> None:
    scan: dict[str, Any] = {"wallet_id": wallet, "amount": AMOUNT}
    if kind in payloads:
        scan["payload"] = payloads[kind]
    else:
        body = {"order_id": str(uuid4()), "amount": AMOUNT}
        key = running.keys["merchant_key"]
        session = await connection.post("/v1/payment-sessions", body, key)
        scan["payload"] = session["qr"]["payload"]
    key, before = running.keys["wallet_key"], time.perf_counter()
    session = await connection.post("/v1/scans", scan, key)
    scanned = time.perf_counter()
    pay = {"claim_id": session["claim"]["id"], "wallet_id": wallet, "amount": AMOUNT}
    path = f"/v1/payment-sessions/{session['id']}/pay"
    await connection.post(path, pay, key, str(uuid4()))
    times.scans[kind].append(scanned - before)
    times.pays.append(time.perf_counter() - scanned)
