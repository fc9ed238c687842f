"""The services of the API; bootstrap makes them, the operations use them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

from api.command_dispatcher import CommandDispatcher
from api.http.messages import HttpRequest, HttpResponse
from api.http.streaming import EventLines
from api.pictures import PictureCache
from api.tokens import Tokens
from application.callbacks import Callbacks
from application.demo_accounts import DemoDesk
from application.event_log import EventLog
from application.health import Health
from application.ports.attempt_notes import AttemptNotes
from application.ports.code_keys import CodeKeys
from application.ports.live_tickets import LiveTickets
from application.ports.logos import LogoStore
from application.ports.processor_terms import ProcessorTerms
from application.ports.push import PushDesk
from application.ports.rates import Rates
from application.ports.sandbox import SandboxPayers
from application.ports.used_tokens import UsedTokens
from application.ports.webhooks import DeliveryStore, WebhookSecrets
from application.restriction import ShownReader
from application.sealing.evidence import Evidence
from projections._read_model import ReadModels


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiConfig:
    """The settings that affect responses."""

    public_url: str
    """Origin of the API and its pages, without a path."""
    live_public_url: str
    """Origin of the live socket, `ws://` or `wss://`."""
    mode: str
    """`live` or `test`."""
    claim_seconds: int
    """The lease of a claim, 1 to 600."""
    rate_limit: int
    """Requests a second per caller; 0 for no limit."""
    trusted_proxies: tuple[str, ...]
    """Addresses of the proxies whose `X-Forwarded-For` is trusted."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may use page tokens and the public part of sessions."""
    fx_spread_basis_points: int = 0
    """The house's part of what a payer in another currency pays, 0 to 1,000."""
    fx_rate_days_max: int = 7
    """How old an exchange rate may be in a live ledger, in days."""
    webhook_loopback: bool = False
    """Whether webhooks may go to this machine."""

    @property
    def livemode(self) -> bool:
        """Whether the ledger is live; responses state it with every object."""
        return self.mode == "live"

    @property
    def secure(self) -> bool:
        """Whether the public URL uses https."""
        return urlsplit(self.public_url).scheme == "https"


class HttpMetrics(Protocol):
    """The metrics of this process."""

    def exposition(self) -> bytes:
        """All metrics in the Prometheus text format."""
        ...

    def scan_refused(self, *, cause: str) -> None:
        """Count a refused scan; `cause` is one of `application.scanning.CAUSES`."""
        ...

    def request_served(self, *, operation: str, status: int, seconds: float) -> None:
        """Record one request."""
        ...

    def callback_received(self, *, processor: str, outcome: str) -> None:
        """Record a callback of a configured processor: stored, repeated, irrelevant and so on."""
        ...


class SessionStreams(Protocol):
    """The event streams of this process."""

    async def open(self) -> None:
        """Start to follow the log, on the running event loop."""
        ...

    def drain(self) -> None:
        """End every stream, and admit no others: the server is about to stop."""
        ...

    async def close(self) -> None:
        """Stop following the log."""
        ...

    async def admit(
        self, request: HttpRequest, address: str, session_id: UUID, token: str, after: int | None
    ) -> HttpResponse:
        """The response that is a stream of a session; see `api.live.streams`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that an operation may use."""

    config: ApiConfig
    log: EventLog
    reader: ShownReader
    dispatcher: CommandDispatcher
    tokens: Tokens
    read_models: ReadModels
    event_lines: EventLines
    deliveries: DeliveryStore
    live_tickets: LiveTickets
    streams: SessionStreams
    webhook_secrets: WebhookSecrets
    used_tokens: UsedTokens
    """Which links to dashboards have been used."""
    rates: Rates
    health: Callable[[], Health]
    """The health of the ledger; returns within 2 s or raises `LogUnavailable`."""
    pictures: PictureCache
    logos: LogoStore
    """The files of merchants' logos."""
    evidence: Evidence
    """The sealed log, for outsiders."""
    code_keys: CodeKeys
    """Signs static codes and offers, and judges their signatures."""
    metrics: HttpMetrics
    callbacks: Callbacks
    """Takes the callbacks of processors."""
    notes: AttemptNotes
    """What payers need of their attempts: tokens for the processor, and where they have to go."""
    terms: ProcessorTerms
    """Whether a processor can take a payment."""
    push: PushDesk
    """Takes subscriptions to push notifications."""
    sandbox: SandboxPayers
    """Asks the payers of the sandbox processor; knows none in a live ledger."""
    new_id: Callable[[], UUID]
    close: Callable[[], None]
    """Releases the connections when the application has stopped."""
    demo: DemoDesk = field(default_factory=DemoDesk)
    """The accounts of the demo's home page."""
