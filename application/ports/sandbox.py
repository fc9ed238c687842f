"""The callbacks that the sandbox processor of a test ledger is going to send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from application.ports.processor import Notice


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A callback, signed by the sandbox and read like any processor's."""

    due_at: datetime
    notice: Notice
    sha256: bytes


class SandboxNotices(Protocol):
    """The sandbox's side of its callbacks. Thread-safe."""

    def notices(self, key: str) -> Sequence[DueNotice]:
        """Every callback of a charge, also those to come, in the order in which they are due."""
        ...
