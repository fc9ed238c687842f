"""Where the tickets of the live socket are kept until they are used."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class LiveTickets(Protocol):
    """Tickets that were issued and not used. Shared by the processes that issue and use them."""

    def keep(self, ticket_id: UUID, expires_at: datetime) -> None:
        """Keep a new ticket until it is used or expires.

        Raises:
            LogUnavailable: it could not be kept.
        """
        ...

    def take(self, ticket_id: UUID) -> bool:
        """Use a ticket; false if it is not there, was used, or has expired by the ledger's time.

        Of any number of callers at the same time, one gets true at most.

        Raises:
            LogUnavailable: whether it could be used is not known; it counts as used.
        """
        ...
