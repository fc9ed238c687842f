"""A frozen and a read-only database: honest callers get 503, and nothing is lost.

Every caller repeats a transient refusal under the same idempotency key until it succeeds, as the
API contract says. Anything but a success or a transient refusal (503, or 409 while the first
request of the same key is being resolved) is a failure, as is an acknowledged payment that is not
there afterwards.
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

CALLERS: Final = 4
FROZEN_SECONDS: Final = 20.0
"""Longer than any request may wait."""
READ_ONLY_SECONDS: Final = 5.0
FAILURES_SHOWN_MAX: Final = 5
NORMAL_SECONDS: Final = 2.0
"""Load before and after each outage."""
RETRY_SECONDS: Final = 0.1
TIMEOUT_SECONDS: Final = 30.0
REFUNDED_EVERY: Final = 4
PAYOUT_EVERY: Final = 10
AMOUNT: Final = {"minor": 1, "currency": "USD"}


@dataclass(slots=True)
class Observations:
    """What the honest callers observed."""

    statuses: Counter[str] = field(default_factory=Counter)
    longest_refusal_seconds: float = 0.0
    recovered_at: float = 0.0
    """When the first request after the outage succeeded."""
    paid: list[str] = field(default_factory=list)
    refunded: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Caller:
    """A till and a wallet with their own connection."""

    def __init__(self, installation: ChaosInstallation, observed: Observations) -> None:
        self._keys = (installation.merchant_key, installation.wallet_key)
        self._client = httpx.AsyncClient(base_url=installation.apis[0], timeout=TIMEOUT_SECONDS)
        self._observed = observed
        self.outage_ended_at = float("inf")

    async def post(self, path: str, body: Any, *, wallet: bool = False) -> dict[str, Any]:
        """Repeat the request under one idempotency key until it succeeds."""
        headers = {
            "Authorization": f"Bearer {self._keys[wallet]}",
            "Idempotency-Key": str(uuid4()),
        }
        until = time.monotonic() + TIMEOUT_SECONDS
        while True:
            started = time.monotonic()
            response = await self._client.post(path, json=body, headers=headers)
            now = time.monotonic()
            document: dict[str, Any] = response.json()
            observed = self._observed
            observed.statuses[str(response.status_code)] += 1
            if response.is_success:
                if now > self.outage_ended_at and not observed.recovered_at:
                    observed.recovered_at = now
                return document
            waited = now - started
            observed.longest_refusal_seconds = max(observed.longest_refusal_seconds, waited)
            if not document.get("transient") or now > until:
                failure = f"{path.split('/')[2]}: {response.status_code} {response.text}"
                observed.failures.append(failure)
                raise RuntimeError(response.text)
            await asyncio.sleep(RETRY_SECONDS)

    async def pay_until(self, stop: asyncio.Event) -> None:
        wallet = (await self.post("/v1/wallets", {"currency": "USD"}, wallet=True))["id"]
        funds = {"amount": {"minor": 10**9, "currency": "USD"}, "reference": "r"}
        await self.post(f"/v1/wallets/{wallet}/top-ups", funds, wallet=True)
        while not stop.is_set():
            order = {"order_id": str(uuid4()), "amount": AMOUNT}
            session = await self.post("/v1/payment-sessions", order)
            scan = {"payload": session["qr"]["payload"], "wallet_id": wallet}
            claim = (await self.post("/v1/scans", scan, wallet=True))["claim"]["id"]
            pay = {"claim_id": claim, "wallet_id": wallet, "amount": AMOUNT}
            path = f"/v1/payment-sessions/{session['id']}/pay"
            await self.post(path, pay, wallet=True)
            self._observed.paid.append(session["id"])
            if len(self._observed.paid) % REFUNDED_EVERY == 0:
                path = f"/v1/payment-sessions/{session['id']}/refunds"
                await self.post(path, {"amount": AMOUNT})
                self._observed.refunded.append(session["id"])
            if len(self._observed.paid) % PAYOUT_EVERY == 0:
                await self.post("/v1/payouts", {"amount": AMOUNT})

    async def is_refunded(self, session: str) -> bool:
        headers = {"Authorization": f"Bearer {self._keys[0]}"}
        path = f"/v1/payment-sessions/{session}/refunds"
        refunds = (await self._client.get(path, headers=headers)).json().get("data", [])
        return [refund["amount"]["minor"] for refund in refunds] == [AMOUNT["minor"]]

    async def is_paid(self, session: str) -> bool:
        headers = {"Authorization": f"Bearer {self._keys[0]}"}
        response = await self._client.get(f"/v1/payment-sessions/{session}", headers=headers)
        return bool(response.json().get("status") == "paid")

    async def close(self) -> None:
        await self._client.aclose()


@contextmanager
def frozen(installation: ChaosInstallation) -> Any:
    """SIGSTOP every PostgreSQL process; SIGCONT afterwards."""
    installation.signal_postgres(signal.SIGSTOP)
    try:
        yield
    finally:
        installation.signal_postgres(signal.SIGCONT)


def read_only_database(installation: ChaosInstallation) -> AbstractContextManager[None]:
    """Make every transaction read-only."""
    return read_only(installation.url)


Outage = Callable[[ChaosInstallation], AbstractContextManager[None]]
OUTAGES: Final[tuple[tuple[str, Outage, float], ...]] = (
    ("frozen", frozen, FROZEN_SECONDS),
    ("read-only", read_only_database, READ_ONLY_SECONDS),
)


@asynccontextmanager
async def _callers(
    installation: ChaosInstallation, observed: Observations
) -> AsyncIterator[list[Caller]]:
    callers = [Caller(installation, observed) for _ in range(CALLERS)]
    try:
        yield callers
    finally:
        for caller in callers:
            await caller.close()


async def during(
    installation: ChaosInstallation, outage: Outage, seconds: float
) -> tuple[Observations, float]:
    """Load before, during and after an outage; returns the observations and when it ended."""
    observed, stop = Observations(), asyncio.Event()
    async with _callers(installation, observed) as callers:
        paying = [asyncio.create_task(caller.pay_until(stop)) for caller in callers]
        await asyncio.sleep(NORMAL_SECONDS)
        manager = outage(installation)
        await asyncio.to_thread(manager.__enter__)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(manager.__exit__, None, None, None)
        ended = time.monotonic()
        for caller in callers:
            caller.outage_ended_at = ended
        await asyncio.sleep(NORMAL_SECONDS)
        stop.set()
        await asyncio.gather(*paying, return_exceptions=True)
        for session in observed.paid:
            if not await callers[0].is_paid(session):
                observed.failures.append(f"{session} was acknowledged and is not paid")
        for session in observed.refunded:
            if not await callers[0].is_refunded(session):
                observed.failures.append(f"{session} was acknowledged and is not refunded once")
    return observed, ended


def outages(installation: ChaosInstallation, report: Callable[[str], None]) -> int:
    """Run both outages and report each; returns the number of failures."""
    failures = 0
    for name, outage, seconds in OUTAGES:
        observed, ended = asyncio.run(during(installation, outage, seconds))
        statuses = sorted(observed.statuses.items())
        recovered = observed.recovered_at
        after = f"{recovered - ended:.2f} s after it" if recovered else "never"
        report(
            f"database {name} for {seconds:.0f} s: {len(observed.paid)} paid, "
            f"{len(observed.refunded)} refunded; responses "
            + ", ".join(f"{count} x {status}" for status, count in statuses)
            + f"; slowest refusal {observed.longest_refusal_seconds:.1f} s, "
            f"first success {after}; {len(observed.failures)} failures"
        )
        for failure in observed.failures[:FAILURES_SHOWN_MAX]:
            report(f"  {failure}")
        failures += len(observed.failures) + (not recovered)
    return failures
