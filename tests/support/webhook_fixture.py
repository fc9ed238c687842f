"""Webhooks without a network: a ledger in memory, a merchant's receivers, and the process."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from api.views.webhooks import ViewBodies
from application.commands.add_webhook_endpoint import AddWebhookEndpoint
from application.event_log import fold, history
from application.ports.webhook_sender import Answer, Sent, WebhookCall
from application.processes.webhooks import Webhooks
from domain import ids
from domain.merchants import standard_webhooks
from domain.merchants.webhook_endpoint import WebhookEndpoints
from infrastructure.webhooks.secrets import DerivedSecrets
from tests.support.documents import document_services
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_deliveries import MemoryDeliveries
from tests.support.memory_log import MemoryLog
from tests.support.memory_tasks import MemoryTasks
from tests.support.task_fixture import Worker

OK = Answer(200, 20)
WALL_CLOCK = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
URL = "https://hooks.example/ledger"
OTHER = "https://other.example/"
STORY = ["payment_session.created", "payment_session.scanned", "payment_session.paid"]
DOWN = Answer(500, 20)


@dataclass
class Received:
    """One call as a receiver sees it."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    data: dict[str, Any] = field(init=False)
    type: str = field(init=False)
    timestamp: str = field(init=False)

    def __post_init__(self) -> None:
        notice = json.loads(self.body)
        self.type, self.data = notice["type"], notice["data"]
        self.timestamp = notice["timestamp"]

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class FakeSender:
    """Receivers by their URL; each says what it answers."""

    def __init__(self, answer: Callable[[Received], Sent] = lambda _: OK) -> None:
        self.answer = answer
        self.calls: list[Received] = []

    def send(self, calls: Sequence[WebhookCall]) -> Sequence[Sent]:
        received = [Received(one.url, one.headers, one.body) for one in calls]
        self.calls += received
        return [self.answer(one) for one in received]


def make_webhooks(
    log: MemoryLog, deliveries: MemoryDeliveries, sender: FakeSender, seed: int = 1
) -> Webhooks:
    """The process of a new worker."""
    return Webhooks(
        log,
        deliveries,
        sender,
        DerivedSecrets(lambda: bytes(32)),
        ViewBodies(document_services().config),
        lambda: WALL_CLOCK,
        Random(seed),
    )


class WebhookFixture:
    """A ledger with a merchant, the process, and one worker."""

    def __init__(self, answer: Callable[[Received], Sent] = lambda _: OK, seed: int = 1) -> None:
        self.log = MemoryLog()
        self.ledger = LedgerFixture(self.log)
        self.sender = FakeSender(answer)
        self.deliveries = MemoryDeliveries()
        self.secrets = DerivedSecrets(lambda: bytes(32))
        self.process = make_webhooks(self.log, self.deliveries, self.sender, seed)
        self.store: MemoryTasks = MemoryTasks(self.log.server_now)
        self.worker = self.add_worker()
        self.worker.follow()  # webhooks begin with the release

    def add_worker(self) -> Worker:
        """Another worker on the same tasks."""
        return Worker(self.process, self.store, self.log, elapsed=self.elapsed)

    def elapsed(self) -> float:
        return self.log.clock.timestamp()

    def add_endpoint(self, url: str = URL, *types: str) -> str:
        return add_endpoint(self.ledger, url, *types)

    def settings(self, command: type[Any], **fields: Any) -> Any:
        """Send a command of the merchant on its endpoints."""
        return self.ledger.send(command(merchant_id=self.ledger.merchant_id, **fields)).subject

    def paid_session(self) -> UUID:
        """A session that was created, scanned and paid: three events."""
        session, wallet = self.ledger.create_session(), self.ledger.open_wallet()
        claim = self.ledger.claim_session(session, wallet)
        self.ledger.send(self.ledger.pay(session, wallet, claim))
        return session

    def advance(self, seconds: float) -> None:
        self.log.clock += timedelta(seconds=seconds)

    def run(self, seconds: float = 0, step: float = 5) -> None:
        """Follow the log and perform whatever becomes due within some seconds."""
        end = self.log.clock + timedelta(seconds=seconds)
        self.worker.follow()
        while True:
            while self.worker.perform():
                self.worker.follow()
            if self.log.clock >= end:
                return
            self.advance(step)

    @property
    def calls(self) -> list[Received]:
        return self.sender.calls

    def types(self, url: str = URL) -> list[str]:
        """The types of what one receiver got, in order."""
        return [one.type for one in self.calls if one.url == url]

    def secret(self, endpoint_id: str, number: int = 1) -> str:
        return standard_webhooks.secret_text(self.secrets.signer(endpoint_id, number).secret)

    def row(self, index: int = 0) -> Any:
        """A delivery, oldest first."""
        return list(self.deliveries.rows.values())[index]


def failing_at(*failing: str) -> WebhookFixture:
    """Receivers of which some answer 500."""
    return WebhookFixture(lambda call: DOWN if call.url in failing else OK)


def endpoints_of(fixture: WebhookFixture) -> WebhookEndpoints:
    stream = WebhookEndpoints.stream_id(fixture.ledger.merchant_id)
    endpoints: WebhookEndpoints = fold(history(fixture.log, stream))
    return endpoints


def add_endpoint(ledger: LedgerFixture, url: str = URL, *types: str) -> str:
    """A new endpoint of the ledger's merchant; its id."""
    endpoint_id = ids.encode("whe", ledger.new_id())
    ledger.send(
        AddWebhookEndpoint(
            merchant_id=ledger.merchant_id, endpoint_id=endpoint_id, url=url, types=types or ("*",)
        )
    )
    return endpoint_id


def bit_flips(data: bytes) -> list[bytes]:
    """The data with each of its bits flipped."""
    return [
        data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]
        for bit in range(8 * len(data))
    ]


def signature_bytes(header: str) -> bytes:
    """The MAC of a header with one `v1` signature."""
    return base64.b64decode(header.split(" ", maxsplit=1)[0].removeprefix("v1,"))
