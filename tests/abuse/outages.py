"""A database that freezes, and one that only reads: honest callers hear 503, and lose nothing.

Every caller repeats a refused call under its own key until it succeeds, as the contract tells it
to. Anything but a success or a transient refusal (503, and 409 while the first call of the same key
is still being settled) is a failure, as is an acknowledged payment that is not there afterwards.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx

from tests.chaos.installation import ChaosInstallation
from tests.support.postgres import read_only

HONEST: Final = 4
FROZEN_SECONDS: Final = 20.0
"""Longer than any call may wait."""
REFUSING_SECONDS: Final = 5.0
SHOWN_MAX: Final = 5
CALM_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 30.0
AMOUNT: Final = {"minor": 1, "currency": "USD"}


@dataclass(slots=True)
class Told:
    """What honest callers heard."""

    answers: Counter[str] = field(default_factory=Counter)
    longest_refusal: float = 0.0
    recovered_at: float = 0.0
    """When the first call after the outage succeeded."""
    paid: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Caller:
    """One till and one wallet that pays, on a connection of their own."""

    def __init__(self, installation: ChaosInstallation, told: Told) -> None:
        self._keys = (installation.merchant_key, installation.wallet_key)
        self._client = httpx.AsyncClient(base_url=installation.apis[0], timeout=PATIENCE_SECONDS)
        self._told = told
        self.outage_over = float("inf")

    async def post(self, path: str, body: Any, *, wallet: bool = False) -> dict[str, Any]:
        """Ask until it is granted, under one key."""
        headers = {
            "Authorization": f"Bearer {self._keys[wallet]}",
            "Idempotency-Key": str(uuid4()),
        }
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            started = time.monotonic()
            response = await self._client.post(path, json=body, headers=headers)
            now = time.monotonic()
            told, answer = self._told, response.json()
            told.answers[str(response.status_code)] += 1
            if response.is_success:
                if now > self.outage_over and not told.recovered_at:
                    told.recovered_at = now
                granted: dict[str, Any] = answer
                return granted
            told.longest_refusal = max(told.longest_refusal, now - started)
            if not answer.get("transient") or now > until:
                told.failures.append(
                    f"{path.split('/')[2]}: {response.status_code} {response.text}"
                )
                raise RuntimeError(response.text)
            await asyncio.sleep(RETRY_SECONDS)

    async def pay_until(self, over: asyncio.Event) -> None:
        wallet = (await self.post("/v1/wallets", {"currency": "USD"}, wallet=True))["id"]
        funds = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
        await self.post(f"/v1/wallets/{wallet}/top-ups", funds, wallet=True)
        while not over.is_set():
            order = {"order_id": str(uuid4()), "amount": AMOUNT}
            session = await self.post("/v1/payment-sessions", order)
            scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
            claim = (await self.post("/v1/scans", scan, wallet=True))["claim"]["id"]
            pay = {"claim_id": claim, "wallet_id": wallet, "amount": AMOUNT}
            path = f"/v1/payment-sessions/{session['id']}/pay"
            await self.post(path, pay, wallet=True)
            self._told.paid.append(session["id"])

    async def is_paid(self, session: str) -> bool:
        headers = {"Authorization": f"Bearer {self._keys[0]}"}
        answer = await self._client.get(f"/v1/payment-sessions/{session}", headers=headers)
        return bool(answer.json().get("status") == "paid")

    async def close(self) -> None:
        await self._client.aclose()


@contextmanager
def frozen(installation: ChaosInstallation) -> Any:
    """Every process of PostgreSQL is stopped, and goes on afterwards."""
    installation.signal_postgres(signal.SIGSTOP)
    try:
        yield
    finally:
        installation.signal_postgres(signal.SIGCONT)


def refusing(installation: ChaosInstallation) -> AbstractContextManager[None]:
    """Every session may only read."""
    return read_only(installation.url)


Outage = Callable[[ChaosInstallation], AbstractContextManager[None]]


@asynccontextmanager
async def _callers(installation: ChaosInstallation, told: Told) -> AsyncIterator[list[Caller]]:
    callers = [Caller(installation, told) for _ in range(HONEST)]
    try:
        yield callers
    finally:
        for caller in callers:
            await caller.close()


async def during(
    installation: ChaosInstallation, outage: Outage, seconds: float
) -> tuple[Told, float]:
    """Honest load before, during and after; answers with what was heard, and when it was over."""
    told, over = Told(), asyncio.Event()
    async with _callers(installation, told) as callers:
        paying = [asyncio.create_task(caller.pay_until(over)) for caller in callers]
        await asyncio.sleep(CALM_SECONDS)
        manager = outage(installation)
        await asyncio.to_thread(manager.__enter__)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(manager.__exit__, None, None, None)
        ended = time.monotonic()
        for caller in callers:
            caller.outage_over = ended
        await asyncio.sleep(CALM_SECONDS)
        over.set()
        await asyncio.gather(*paying, return_exceptions=True)
        for session in told.paid:
            if not await callers[0].is_paid(session):
                told.failures.append(f"{session} was acknowledged and is not paid")
    return told, ended


def outages(installation: ChaosInstallation, say: Callable[[str], None]) -> int:
    """Both outages; says what honest callers saw, answers with the number of failures."""
    failures = 0
    for outage, seconds in ((frozen, FROZEN_SECONDS), (refusing, REFUSING_SECONDS)):
        told, ended = asyncio.run(during(installation, outage, seconds))
        heard = ", ".join(f"{count} x {status}" for status, count in sorted(told.answers.items()))
        back = f"{told.recovered_at - ended:.2f} s" if told.recovered_at else "never"
        say(
            f"database {outage.__name__} for {seconds:.0f} s: {len(told.paid)} paid, {heard}; "
            f"longest wait for a refusal {told.longest_refusal:.1f} s, first success {back} after; "
            f"{len(told.failures)} failures"
        )
        for failure in told.failures[:SHOWN_MAX]:
            say(f"  {failure}")
        failures += len(told.failures) + (not told.recovered_at)
    return failures
