"""Witnesses as the log's owner asks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from domain.audit.vkey import VerifierKey


class WitnessAnswer(NamedTuple):
    """What a witness has answered."""

    status: int
    """The status of HTTP."""
    body: bytes


class NoAnswer(NamedTuple):
    """There was no complete answer in time."""

    reason: str


class Witnesses(Protocol):
    """Asks witnesses, all at once and within a limit of time."""

    def ask(
        self, requests: Mapping[VerifierKey, bytes]
    ) -> Mapping[VerifierKey, WitnessAnswer | NoAnswer]:
        """Send each witness its request `add-checkpoint`; every one has an entry in the result."""
        ...
