"""The operator revokes an API key."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from application.command import Command, Decision, Loaded
from domain.merchants.api_key import ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey(Command):
    """Revoke a key for good."""

    key_id: UUID

    @property
    def streams(self) -> tuple[UUID, ...]:
        """The key."""
        return (self.key_id,)

    def decide(self, loaded: Loaded) -> Decision:
        """Revoke the key; a key that is already revoked is returned as it is.

        Raises:
            NotFound: there is no such key.
        """
        key = loaded.get(ApiKey, self.key_id, "key")
        key.revoke(at=loaded.now)
        return Decision(key, [key])
