"""The authenticated caller of a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from application.errors import Unauthorized
from domain import ids


class CallerRole(StrEnum):
    """The roles of API keys, and those of pages: with a page token or a session's token."""

    MERCHANT = "merchant"
    WALLET = "wallet"
    PAGE = "page"
    CHECKOUT = "checkout"
    AUDITOR = "auditor"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller with a valid key or page token."""

    role: CallerRole
    holder: str
    """Id of the merchant, wallet app or (for a page) wallet; for the other roles, the role.
    For a checkout screen, the id of its session.

    Scope of idempotency keys and of the rate limit.
    """
    actor: str
    """The actor recorded with events: the key's id, or the wallet's id for a page."""
    wallet_app_id: str = ""
    wallet_id: UUID | None = None
    """The only wallet that a page may act for."""
    expires_at: datetime | None = None
    """When a page token expires, by the ledger's clock."""

    def check_expiry(self, now: datetime) -> None:
        """Check that the caller's token has not expired.

        Raises:
            Unauthorized: it has expired.
        """
        if self.expires_at is not None and now >= self.expires_at:
            raise Unauthorized(reason="The page token is not valid: the token has expired")

    def owns(self, wallet_app_id: str, wallet_id: str | None) -> bool:
        """Whether this caller may see a claim or payment of a wallet.

        A wallet app sees those of its own wallets, and a page those of its own wallet. Merchants
        and auditors see all of them in the sessions that they may read.
        """
        if self.role is CallerRole.PAGE:
            return wallet_id == self.holder
        return self.role is not CallerRole.WALLET or wallet_app_id == self.holder

    @property
    def stream_id(self) -> UUID:
        """The stream of the merchant or wallet app."""
        prefix = "mer" if self.role is CallerRole.MERCHANT else "app"
        return ids.decode(prefix, self.holder)
