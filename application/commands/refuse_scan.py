"""A scanned text is no code of this ledger."""

from __future__ import annotations

from dataclasses import dataclass

from application.command import Command, Decision, Loaded
from domain.errors import LedgerError


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseScan(Command):
    """Refuse a scan without loading anything, so that an idempotency key keeps the refusal.

    It also replays the first result of a scan whose code was still valid then.
    """

    refusal: LedgerError

    def decide(self, loaded: Loaded) -> Decision:  # noqa: ARG002
        """Refuse.

        Raises:
            InvalidQr, InvalidSignature: as the text was refused when it was read.
        """
        raise self.refusal
