"""Which of the tokens that may be used once have been used."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class UsedTokens(Protocol):
    """Remembers used tokens until they have expired. Thread-safe."""

    def use(self, token: str, expires_at: datetime) -> bool:
        """Note that a token is used; false if it was used before. Durable before this returns.

        Args:
            token: its text; only a digest of it is kept.
            expires_at: when it expires; the caller refuses it from then on.
        """
        ...
