"""Tokens that may be used once, in memory."""

from __future__ import annotations

from datetime import datetime


class MemoryUsedTokens:
    """An `application.ports.used_tokens.UsedTokens`."""

    def __init__(self) -> None:
        self.used: dict[str, datetime] = {}

    def use(self, token: str, expires_at: datetime) -> bool:
        new = token not in self.used
        self.used.setdefault(token, expires_at)
        return new
