"""The settings of the live port."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from api.http.connections import ConnectionLimits

HANDSHAKE_SHARE: Final = 8
"""One eighth of the connections is reserved for those that are no sockets yet: handshakes and
health checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConfig:
    """The settings of the notifier."""

    host: str
    port: int
    origins: tuple[str, ...]
    """Origins whose pages may connect. Clients without an `Origin` header always may."""
    per_address: int
    """Sockets from one address; 0 for no limit, which lifts the limit on its connections too."""
    total: int
    """Sockets; 0 for as many as there may be connections, less the handshakes' share."""
    trusted_proxies: tuple[str, ...]
    livemode: bool
    """Whether the ledger is live."""
    secure: bool = False
    """Whether clients reach the API over HTTPS."""
    api_origin: str = ""
    """Of the API, where problems are documented."""
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)

    @property
    def sockets(self) -> int:
        """The limit on sockets in total."""
        limit = self.limits.total - max(1, self.limits.total // HANDSHAKE_SHARE)
        return min(self.total, limit) if self.total else limit

    @property
    def connections(self) -> ConnectionLimits:
        """The port's limits: an address may always hold twice the sockets it is allowed."""
        each = max(self.limits.per_address, 2 * self.per_address) if self.per_address else 0
        return replace(self.limits, per_address=each)
