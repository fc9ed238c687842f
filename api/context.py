"""What the API is given to work with; bootstrap fills it, routes use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

from api.command_dispatcher import CommandDispatcher
from api.tokens import Tokens
from application.event_log import EventLog
from application.health import Health
from application.reader import Reader
from projections._read_model import ReadModels


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiConfig:
    """The settings that show in answers."""

    public_url: str
    """Origin of the API and its pages, without a path."""
    live_public_url: str
    """Origin of the live socket, `ws://` or `wss://`."""
    mode: str
    """`live` or `test`."""
    claim_seconds: int
    """How long a scan holds a session, 1 to 600."""
    rate_limit: int
    """Requests a second per caller; 0 for none."""
    trusted_proxies: tuple[str, ...]
    """Addresses whose `X-Forwarded-For` is believed."""

    @property
    def secure(self) -> bool:
        """Whether the outside reaches us by https."""
        return urlsplit(self.public_url).scheme == "https"


class QrImages(Protocol):
    """Draws codes."""

    def svg(self, text: str, *, scale: int, border: int) -> bytes:
        """Black on white, crisp at any size."""
        ...

    def png(self, text: str, *, scale: int, border: int) -> bytes:
        """Black on white."""
        ...

    def terminal(self, text: str, *, border: int) -> bytes:
        """For a terminal, in half blocks, UTF-8."""
        ...


class HttpMetrics(Protocol):
    """What `/metrics` shows."""

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        ...

    def request_served(self, *, operation: str, status: int, seconds: float) -> None:
        """One request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a route may use."""

    config: ApiConfig
    log: EventLog
    reader: Reader
    dispatcher: CommandDispatcher
    tokens: Tokens
    read_models: ReadModels
    health: Callable[[], Health]
    """The health of the ledger; returns within 2 s or raises `LogUnavailable`."""
    qr_images: QrImages
    metrics: HttpMetrics
    new_id: Callable[[], UUID]
    close: Callable[[], None]
    """Gives back what the services hold, when the application has ended."""
