"""Merchants' sockets while others commit: whatever the order, nothing is missed and nothing doubled.

Commands are recorded in the middle of each read of the log, the feed runs beside the admissions and
hands pages on twice, and clients leave after any number of messages.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from api.live import merchant_admission
from api.live.admission import Refusal
from api.live.merchant_admission import MerchantAdmission
from api.live.merchant_events import MerchantEvents
from api.live.merchant_hub import MerchantHub, MerchantListener
from api.live.protocol import TOPICS
from application.commands.issue_key import IssueKey
from application.event_log import fold
from application.reader import LedgerClock
from domain.merchants.api_key import SECRET_BYTES, BearerKey, Role
from domain.sessions.payment_session import PaymentSession
from tests.support.ledger_fixture import LedgerFixture
from tests.support.live_fixture import TOKENS, memory_merchants
from tests.support.memory_log import MemoryLog

SEEDS = range(25)
CONNECTIONS = 12


class Client:
    """A back end that keeps what it has, and leaves after some messages of a connection."""

    def __init__(self) -> None:
        self.position: int | None = None
        self.heard: list[int] = []
        self.snapshots: list[dict[str, Any]] = []
        self.left = 0
        self.closed = False

    def buffered_bytes(self) -> int:
        return 0

    def send(self, text: str) -> None:
        if self.closed or not self.left:
            return
        self.left -= 1
        message = json.loads(text)
        if message["type"] == "snapshot":
            self.snapshots.append(message)
            self.heard.clear()
        else:
            self.heard.append(message["position"])
        self.position = message["position"]

    def disconnect(self, code: int, reason: str) -> None:
        self.closed = True


class Race:
    """A ledger with two merchants whose payments go on during every read."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.log = MemoryLog()
        self.ledger = LedgerFixture(self.log)
        self.other = LedgerFixture(self.log)
        self.wallets = {one: one.open_wallet() for one in (self.ledger, self.other)}
        self.open: dict[LedgerFixture, list[Any]] = {self.ledger: [], self.other: []}
        key = BearerKey.make(
            mode="test", role=Role.MERCHANT, key_id=self.ledger.new_id(), random=bytes(SECRET_BYTES)
        )
        self.ledger.send(IssueKey(key=key, holder_id=self.ledger.merchant))
        self.key_id = key.key_id
        self.services = memory_merchants(self.log, TOKENS)
        self.hub = MerchantHub()
        self.events = MerchantEvents(self.log, owners_max=4, states_max=2)
        self.clock = LedgerClock(self.log)
        self.clock.learn(self.log.clock)
        self.fed = self.log.head()
        self.admission = MerchantAdmission(
            self.log, TOKENS, self.clock, self.hub, self.events, lambda: None, self.services
        )
        for name in ("load", "page", "head"):
            self._commit_before(name)

    def _commit_before(self, name: str) -> None:
        read = getattr(self.log, name)

        def racing(*args: Any) -> Any:
            if self.random.random() < 0.6:
                setattr(self.log, name, read)  # a command reads the log, too
                self.commit()
                setattr(self.log, name, racing)
            return read(*args)

        setattr(self.log, name, racing)

    def commit(self) -> None:
        """One step of a payment of either merchant."""
        ledger = self.random.choice((self.ledger, self.other))
        sessions, wallet = self.open[ledger], self.wallets[ledger]
        if not sessions or self.random.random() < 0.4:
            sessions.append(ledger.create_session())
        else:
            session = sessions.pop(self.random.randrange(len(sessions)))
            if fold(self.log.stream(session)).claim is None:
                ledger.claim_session(session, wallet)
                sessions.append(session)
            else:
                claim = fold(self.log.stream(session)).claim.id
                ledger.send(ledger.pay(session, wallet, claim))

    async def feed(self) -> None:
        """Hand the next page on; sometimes with events that were handed on before."""
        after = max(0, self.fed - self.random.choice((0, 0, 3)))
        page = self.log.events[after : after + self.random.randint(1, 9)]
        if page:
            self.fed = max(self.fed, page[-1].position)
            of_sessions = [one for one in page if one.topic in TOPICS]
            heard = self.events.of_merchants(of_sessions, self.hub.has)
            now = self.clock.estimate()
            await self.hub.dispatch([self.services.messages.event(one, now) for one in heard])

    def ticket(self) -> str:
        text, expires_at = TOKENS.for_ticket(
            ticket_id := self.ledger.new_id(), self.ledger.merchant_id, self.key_id, self.log.clock
        )
        self.services.tickets.keep(ticket_id, expires_at)
        return text

    async def connect(self, client: Client) -> MerchantListener:
        after = "" if client.position is None else f"&after={client.position}"
        return await self.admission.admit(f"/live?ticket={self.ticket()}{after}", client)

    def own_positions(self, after: int) -> list[int]:
        own = {
            one.stream_id
            for one in self.log.events
            if one.topic == PaymentSession.Created.TOPIC
            and one.event.merchant_id == self.ledger.merchant  # type: ignore[attr-defined]
        }
        return [
            one.position for one in self.log.events if one.stream_id in own and one.position > after
        ]


async def run(race: Race, client: Client) -> None:
    for _ in range(CONNECTIONS):
        client.left, client.closed = race.random.randint(0, 6), False
        with suppress(Refusal):
            admitting = asyncio.create_task(race.connect(client))
            while not admitting.done():
                if race.random.random() < 0.5:
                    await race.feed()
                await asyncio.sleep(0)
            listener = admitting.result()
            for _ in range(race.random.randint(0, 4)):
                race.commit()
                await race.feed()
            race.hub.unregister(listener)
    client.left, client.closed = 10_000, False
    race.random.random = lambda: 1.0  # type: ignore[method-assign]
    listener = await race.connect(client)
    race.commit()
    while race.fed < len(race.log.events):
        await race.feed()


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_missed_or_doubled_at_any_point_of_disconnection(seed: int) -> None:
    race, client = Race(seed), Client()
    client.position = start = 0

    asyncio.run(asyncio.wait_for(run(race, client), 60))

    assert client.snapshots == []
    assert client.heard == race.own_positions(start)


@pytest.mark.parametrize("seed", SEEDS)
def test_after_each_snapshot_the_events_continue_without_a_gap(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merchant_admission, "MISSED_EVENTS_MAX", 3)
    race, client = Race(seed), Client()

    asyncio.run(asyncio.wait_for(run(race, client), 60))

    last = client.snapshots[-1]
    assert client.heard == race.own_positions(last["position"])
    for snapshot in client.snapshots:
        shown = {one["id"]: one["version"] for one in snapshot["sessions"]}
        assert shown == standing(race, snapshot["position"])


def standing(race: Race, position: int) -> dict[str, int]:
    """The versions of the merchant's sessions that were open at a position."""
    found = {}
    for stream_id in {one.stream_id for one in race.log.events if one.topic in TOPICS}:
        events = [one for one in race.log.stream(stream_id) if one.position <= position]
        session = fold(events)
        own = session is not None and session.merchant_id == race.ledger.merchant
        if own and session.status in {"created", "scanned", "processing"}:
            found[session.public_id] = session.version
    return found
