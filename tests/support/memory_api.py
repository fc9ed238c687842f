"""The API over a log in memory: the same requests always have the same responses, to the byte."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from itertools import count
from typing import Any, cast
from uuid import UUID

from api.app import create_app
from api.command_dispatcher import CommandDispatcher
from api.context import Services
from api.live.streams import Streams
from api.pictures import PictureCache
from application.callbacks import Callbacks
from application.commands.issue_key import IssueKey
from application.errors import LogUnavailable
from application.health import Health
from application.reader import LedgerClock
from application.restriction import ShownReader
from application.sealing.evidence import Evidence
from application.writer import Writer
from domain import ids
from domain.merchants.api_key import SECRET_BYTES, BearerKey, Role
from infrastructure.fx.fixed import FixedRates
from infrastructure.pictures.drawing import LocalPictures
from infrastructure.processors.sandbox import Sandbox
from infrastructure.processors.sandbox_payers import SandboxPages
from infrastructure.processors.sandbox_store import MemorySandboxStore
from infrastructure.processors.terms import ConfiguredTerms
from infrastructure.webhooks.secrets import DerivedSecrets
from tests.support.documents import document_services
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_deliveries import MemoryDeliveries
from tests.support.memory_evidence import MemorySealedLog
from tests.support.memory_keys import MemoryKeys
from tests.support.memory_log import MemoryLog
from tests.support.memory_logos import MemoryLogos
from tests.support.memory_notes import MemoryInbox, MemoryNotes
from tests.support.memory_push import MemoryPushSubscriptions, make_push_desk
from tests.support.memory_tickets import MemoryTickets
from tests.support.memory_tokens import MemoryUsedTokens

FIRST_ID = 0x01890A5D_AC96_774B_8CCE_000000000000
PER_EURO = {"USD": "1.0842", "JPY": "175.68", "KWD": "0.3421", "CLF": "0.02412"}
"""Rates in currencies of 2, 0, 3 and 4 decimals."""
Pairs = Sequence[tuple[bytes, bytes]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class RecordedRequests:
    """The port of the metrics, as a list."""

    def __init__(self) -> None:
        self.served: list[tuple[str, int]] = []
        self.refused_scans: list[str] = []
        self.callbacks: list[tuple[str, str]] = []

    def request_served(self, *, operation: str, status: int, seconds: float) -> None:
        """See `HttpMetrics`."""
        self.served.append((operation, status))

    def scan_refused(self, *, cause: str) -> None:
        """See `HttpMetrics`."""
        self.refused_scans.append(cause)

    def callback_received(self, *, processor: str, outcome: str) -> None:
        """See `HttpMetrics`."""
        self.callbacks.append((processor, outcome))

    def exposition(self) -> bytes:
        """See `HttpMetrics`."""
        return b""


class NoFeed:
    """The feed of the streams: tests deliver events themselves."""

    def start(self) -> None:
        """See `StreamFeed`."""

    def resume(self) -> int:
        """See `StreamFeed`."""
        return 0

    def close(self) -> None:
        """See `StreamFeed`."""


def _unavailable() -> Health:
    raise LogUnavailable(reason="there is no database")


class MemoryApi:
    """The application, with a merchant, a wallet app, a wallet and a session.

    There are no read models and no database, so lists and `/readyz` fail. Ids are counted, and the
    log's clock stands still.
    """

    def __init__(self, *, streams: Mapping[str, Any] | None = None, **config: Any) -> None:
        """`config` replaces settings, such as `rate_limit`, and `streams` those of streams."""
        numbers: Iterator[int] = count(FIRST_ID)
        log = MemoryLog(new_id := lambda: UUID(int=next(numbers)))
        self.ledger = LedgerFixture(log, new_id=new_id)
        self.metrics = RecordedRequests()
        self.code_keys = MemoryKeys()
        self.push = MemoryPushSubscriptions()
        self.sealed = MemorySealedLog(log)
        self.inbox, self.notes = MemoryInbox(), MemoryNotes()
        self.rests: dict[str, int] = {}
        self.logos = MemoryLogos()
        self.mode = config.get("mode", "test")
        self.sandbox = Sandbox(
            MemorySandboxStore(),
            secret=bytes(32),
            public_url="http://127.0.0.1:8080",
            now=lambda: log.clock,
        )
        reader = ShownReader(cast("Any", log))
        reader.clock = LedgerClock(cast("Any", log), elapsed=lambda: 0.0)
        self.services: Services = replace(
            document_services(),
            config=replace(document_services().config, **config),
            log=cast("Any", log),
            reader=reader,
            dispatcher=CommandDispatcher(lambda deliver: Writer(self.ledger.bus, deliver=deliver)),
            rates=FixedRates(PER_EURO, as_of=date(2025, 12, 31)),
            health=_unavailable,
            pictures=PictureCache(LocalPictures()),
            logos=self.logos,
            evidence=Evidence(self.sealed),
            code_keys=self.code_keys,
            metrics=self.metrics,
            callbacks=Callbacks({"sandbox": self.sandbox}, self.inbox, now=lambda: log.clock),
            notes=self.notes,
            terms=ConfiguredTerms(
                self.mode, ["sandbox", "stripe"], lambda name: self.rests.get(name, 0)
            ),
            sandbox=SandboxPages(self.sandbox, self.inbox),
            new_id=new_id,
            deliveries=MemoryDeliveries(),
            live_tickets=MemoryTickets(lambda: log.clock),
            streams=Streams(
                log=log,
                tokens=document_services().tokens,
                feed=NoFeed,
                livemode=self.mode == "live",
                **streams or {},
            ),
            push=make_push_desk(self.push),
            webhook_secrets=DerivedSecrets(lambda: bytes(32)),
            used_tokens=MemoryUsedTokens(),
        )
        self.app = create_app(self.services)
        self.keys = {"": "", **{role.value: self._issue(role) for role in Role}}
        self.wallet_id = ids.encode("wal", self.ledger.open_wallet())
        self.session_id = ids.encode("ps", self.ledger.create_session())

    def _issue(self, role: Role) -> str:
        holders = {Role.MERCHANT: self.ledger.merchant, Role.WALLET: self.ledger.app}
        key = BearerKey.make(
            mode=self.mode, role=role, key_id=self.ledger.new_id(), random=bytes(SECRET_BYTES)
        )
        self.ledger.send(IssueKey(key=key, holder_id=holders.get(role, role.value)))
        return key.text

    @asynccontextmanager
    async def running(self) -> Any:
        """Run commands within the context."""
        await self.services.dispatcher.open()
        yield self
        await self.services.dispatcher.close()


def http_scope(method: str, path: str, query: str = "", headers: Pairs = ()) -> dict[str, Any]:
    """The scope of a request as the server makes it; `path` is decoded already."""
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "server": ("127.0.0.1", 8080), "client": ("127.0.0.1", 50_000), "scheme": "http",
        "root_path": "", "state": {}, "method": method, "path": path,
        "raw_path": path.encode(errors="replace"), "query_string": query.encode(),
        "headers": list(headers),
    }  # fmt: skip


async def respond(app: Asgi, scope: Any, *parts: bytes | None) -> list[dict[str, Any]]:
    """The messages that the application sends; a part of the body that is None is a disconnect."""
    received = [_message(part, more=n < len(parts)) for n, part in enumerate(parts, 1)]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return received.pop(0) if received else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    await app(scope, receive, send)
    return sent


def _message(part: bytes | None, *, more: bool) -> dict[str, Any]:
    if part is None:
        return {"type": "http.disconnect"}
    return {"type": "http.request", "body": part, "more_body": more}
