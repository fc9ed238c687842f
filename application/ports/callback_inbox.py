"""Where authentic callbacks are stored before they are answered."""

from __future__ import annotations

from typing import Protocol

from application.ports.processor import Notice


class CallbackInbox(Protocol):
    """Stores callbacks durably. Thread-safe."""

    def receive(self, processor: str, notice: Notice, sha256: bytes) -> bool:
        """Store a callback and its task in one transaction; False if it is known already.

        Args:
            processor: who sent it.
            notice: what it says.
            sha256: of the body as it came.

        Raises:
            LogUnavailable: it is not stored.
        """
        ...
