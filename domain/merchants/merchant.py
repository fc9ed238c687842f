"""The merchant: who is paid, and where its payers may be sent back to."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.errors import InvalidRequest
from domain.names import check_name

RETURN_HOSTS_MAX: Final = 20
HOST_CHARS_MAX: Final = 253
"""DNS (RFC 1035, 2.3.4)."""
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class Merchant(LedgerAggregate):
    """A payee. Its name is what payers read before they pay."""

    TOPIC = "merchant"

    class Event(Aggregate.Event):
        """Anything that happens to a merchant."""

        TOPIC = "merchant.event"

    class Registered(Event, Aggregate.Created):
        """The operator took the merchant on."""

        TOPIC = "merchant.registered"
        name: str
        return_hosts: list[str]

    @event(Registered)
    def __init__(self, name: str, return_hosts: list[str]) -> None:
        self.name = name
        self.return_hosts = tuple(return_hosts)

    @classmethod
    def register(
        cls, *, merchant_id: UUID, name: str, return_hosts: tuple[str, ...], at: datetime
    ) -> Merchant:
        """Take a merchant on.

        Args:
            merchant_id: a new id.
            name: what payers read, 1 to 80 characters.
            return_hosts: host names that `return_url` may be on, at most 20.
            at: the ledger's time, UTC.

        Raises (checked in this order):
            InvalidRequest: the name is empty or too long.
            InvalidRequest: too many hosts, or one is not the plain name of a host.
        """
        check_name(name)
        if len(return_hosts) > RETURN_HOSTS_MAX:
            raise InvalidRequest.of("return_hosts", f"are at most {RETURN_HOSTS_MAX}")
        for host in return_hosts:
            if not _HOST.fullmatch(host) or len(host) > HOST_CHARS_MAX:
                raise InvalidRequest.of("return_hosts", f"{host!r} is not the name of a host")
        return cls._create(
            cls.Registered,
            id=merchant_id,
            timestamp=at,
            name=name,
            return_hosts=[host.lower() for host in return_hosts],
        )

    @property
    def public_id(self) -> str:
        """The id as the outside writes it."""
        return ids.encode("mer", self.id)

    def check_return_url(self, url: str) -> None:
        """Whether payers may be sent there.

        Raises:
            InvalidRequest: not https, with user information, or not on a registered host.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise InvalidRequest.of("return_url", "is not a URL") from None
        if parts.scheme != "https" or not host:
            raise InvalidRequest.of("return_url", "must be an https URL")
        if "@" in parts.netloc or port not in {None, 443} or "\\" in url:
            raise InvalidRequest.of("return_url", "must name a plain host and no other port")
        if host not in self.return_hosts:
            raise InvalidRequest.of("return_url", f"{host} is not a host the merchant registered")
