"""Attacks on the books: every request is refused by name, and nothing is taken beyond what is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import cycle
from typing import Any, Final
from uuid import uuid4

import httpx
import psycopg

from domain import ids
from domain.merchants.api_key import BearerKey
from domain.sessions.refusals import SessionRefusals
from tests.abuse.attacks import Attack, Counts
from tests.abuse.book_probes import Probe, hostile_input, of_others
from tests.abuse.tenant import TIMEOUT_SECONDS, Tenant
from tests.chaos.installation import ChaosInstallation

AT_ONCE: Final = 50
PROBERS: Final = 4
PROBES_PER_SECOND: Final = 200
"""Below the rate limit of the run, so that the refusals are those of the requests."""
REFUNDED_MINOR: Final = 100
PART_MINOR: Final = 3
PAID_MINOR: Final = 200
PAYOUT_MINOR: Final = 30
RETRY_SECONDS: Final = 0.2
TRIES_MAX: Final = 100
TEXTS: Final = (
    "", "'; drop table ledger.events; --", "<script>alert(1)</script>", "{{7*7}}", "=1+1",
    "\u202egnp.exe", "%00%s%n", "\U0001f4b8" * 200,
)  # fmt: skip
"""Hostile reasons that are acceptable text: stored and returned as they are."""


class BookAttacks:
    """An attacker with keys and money of its own, and a victim."""

    def __init__(self, installation: ChaosInstallation) -> None:
        """Register both tenants; the first quote ends while the other attacks run."""
        self._installation = installation
        self.attacker, self.victim = Tenant(installation), Tenant(installation)
        self._late = self.attacker.scanned(250, self.attacker.wallets["EUR"])
        self._late_quote = self.attacker.quote(self._late["id"])
        self.failures: list[str] = []

    def all(self) -> tuple[Attack, ...]:
        """The attacks that run beside honest clients."""
        return (self.books_of_others, self.hostile_figures, self.refund_races, self.payout_races)

    async def books_of_others(self, stop: asyncio.Event, counts: Counts) -> None:
        """See `of_others`."""
        probes = await asyncio.to_thread(of_others, self.attacker, self.victim)
        await self._probe(probes, stop, counts)

    async def hostile_figures(self, stop: asyncio.Event, counts: Counts) -> None:
        """See `hostile_input`."""
        await self._probe(await asyncio.to_thread(hostile_input, self.attacker), stop, counts)

    async def refund_races(self, stop: asyncio.Event, counts: Counts) -> None:
        """One payment is refunded in parts, 50 at once: to the unit what was paid, or less."""
        while not stop.is_set():
            session, _ = await asyncio.to_thread(self.attacker.paid, REFUNDED_MINOR)
            path = f"/v1/payment-sessions/{session}/refunds"
            amount = {"minor": PART_MINOR, "currency": "USD"}
            texts = cycle(TEXTS)
            bodies = [{"amount": amount, "reason": next(texts)} for _ in range(AT_ONCE)]
            answers = await self._at_once(path, bodies, counts)
            for body, answer in zip(bodies, answers, strict=True):
                if "id" in answer and answer["reason"] != body["reason"]:
                    self.failures.append(f"{session}: {body} became {answer}")
            self._expect(session, answers, REFUNDED_MINOR // PART_MINOR, "refund-exceeds-paid")

    async def payout_races(self, stop: asyncio.Event, counts: Counts) -> None:
        """More than the payable is asked for, 50 at once: never more than there is."""
        while not stop.is_set():
            _, position = await asyncio.to_thread(self.attacker.paid, PAID_MINOR)
            before = await asyncio.to_thread(self.attacker.payable, position)
            bodies = [{"amount": {"minor": PAYOUT_MINOR, "currency": "USD"}}] * AT_ONCE
            answers = await self._at_once("/v1/payouts", bodies, counts)
            there = before // PAYOUT_MINOR
            self._expect(f"payouts of {before}", answers, there, "payable-insufficient")
            last = max(answer.get("position", position) for answer in answers)
            after = await asyncio.to_thread(self.attacker.payable, last)
            taken = PAYOUT_MINOR * sum("id" in answer for answer in answers)
            if after != before - taken or after < 0:
                self.failures.append(f"payable {before} is {after} after payouts of {taken}")

    def pay_by_expired_quote(self) -> str:
        """Pay by the first quote, which has ended; returns the code of the refusal."""
        late, tenant = self._late, self.attacker
        claim = tenant.post("/v1/scans", late["scan"], wallet=True)["claim"]["id"]
        before = self._recorded()
        headers = _headers(tenant.wallet_key)
        body = late["pay"] | {"claim_id": claim, "quote_id": self._late_quote}
        path = f"{self._installation.apis[0]}/v1/payment-sessions/{late['id']}/pay"
        response = httpx.post(path, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
        code = str(response.json().get("code", response.status_code))
        if code != "quote-expired" or self._recorded() != before:
            self.failures.append(f"pay by an expired quote: {response.status_code} {response.text}")
        return code

    def close(self) -> None:
        """Close the tenants' connections."""
        self.attacker.close()
        self.victim.close()

    async def _probe(self, probes: list[Probe], stop: asyncio.Event, counts: Counts) -> None:
        """Send the probes in turn, each at least once: all are refused, nothing is recorded."""
        before = await asyncio.to_thread(self._state)
        turns, seen = iter(cycle(probes)), Counter[str]()
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:

            async def prober() -> None:
                while not stop.is_set() or len(seen) < len(probes):
                    probe = next(turns)
                    seen[probe.name] += 1
                    response = await self._send(client, probe)
                    counts[f"{response.status_code} {self._code(probe, response)}"] += 1
                    await asyncio.sleep(PROBERS / PROBES_PER_SECOND)

            await asyncio.gather(*(prober() for _ in range(PROBERS)))
        after = await asyncio.to_thread(self._state)
        if after != before:
            self.failures.append(f"the probes changed something: {before}, then {after}")

    async def _send(self, client: httpx.AsyncClient, probe: Probe) -> httpx.Response:
        tenant, url = self.attacker, self._installation.apis[0] + probe.path
        headers = _headers(tenant.wallet_key if probe.wallet else tenant.merchant_key)
        if probe.body is None:
            return await client.get(url, headers=headers)
        return await client.post(url, content=probe.body, headers=headers)

    def _code(self, probe: Probe, response: httpx.Response) -> str:
        """The problem's code; anything but the expected refusals is a failure."""
        media_type = response.headers.get("content-type", "")
        code = str(response.json().get("code")) if "json" in media_type else media_type
        refused = 400 <= response.status_code < 500
        if not refused or code not in probe.codes or "problem+json" not in media_type:
            text = response.text[:200]
            self.failures.append(f"{probe.name}: {response.status_code} {text}")
        return code

    async def _at_once(self, path: str, bodies: list[Any], counts: Counts) -> list[dict[str, Any]]:
        """Post all bodies at once, through both APIs, until each has a final response."""
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:

            async def one(number: int, body: Any) -> dict[str, Any]:
                apis = self._installation.apis
                url, headers = apis[number % len(apis)] + path, _headers(self.attacker.merchant_key)
                document: dict[str, Any] = {}
                for _ in range(TRIES_MAX):
                    response = await client.post(url, json=body, headers=headers)
                    document = response.json()
                    counts[f"{response.status_code} {document.get('code', 'accepted')}"] += 1
                    if response.is_success or not document.get("transient"):
                        return document
                    await asyncio.sleep(RETRY_SECONDS)
                return document

            return await asyncio.gather(*(one(*item) for item in enumerate(bodies)))

    def _expect(self, what: str, answers: list[dict[str, Any]], accepted: int, code: str) -> None:
        """Exactly so many were accepted, and every other was refused with the code."""
        codes = Counter(answer.get("code", "accepted") for answer in answers)
        expected = Counter({"accepted": accepted, code: AT_ONCE - accepted})
        if codes != expected:
            self.failures.append(f"{what}: {dict(codes)}, expected {dict(expected)}")

    def _recorded(self) -> int:
        """How many events the attacker's keys have caused, but for records of its refusals."""
        keys = (self.attacker.merchant_key, self.attacker.wallet_key)
        actors = [ids.encode("key", BearerKey.parse(key).key_id) for key in keys]
        query = "select count(*) from ledger.events where actor = any(%s) and topic <> %s"
        with psycopg.connect(self._installation.url) as owner:
            [(count,)] = owner.execute(query, (actors, SessionRefusals.Recorded.TOPIC)).fetchall()
        assert count, "the attacker opened wallets, so that its events are found"
        return int(count)

    def _state(self) -> tuple[int, Any]:
        """The attacker's events, and the victim's payable after whatever was recorded until now."""
        with psycopg.connect(self._installation.url) as owner:
            [(head,)] = owner.execute("select pos from ledger.head").fetchall()
        return self._recorded(), self.victim.payable(head)


def _headers(key: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {key}",
        "Idempotency-Key": str(uuid4()),
        "Content-Type": "application/json",
    }
