"""What the sandbox remembers of its charges and refunds: the port, and an adapter in memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Final, Protocol

from application.ports.processor import State

KEYS_MAX: Final = 100_000
"""Older charges are forgotten."""
REPLACEABLE: Final = {
    State.AUTHORISED: frozenset({State.PROCESSING}),
    State.CAPTURED: frozenset({State.PROCESSING, State.AUTHORISED}),
    State.VOIDED: frozenset({State.PROCESSING, State.AUTHORISED}),
    State.DECLINED: frozenset({State.PROCESSING}),
    State.REFUNDED: frozenset({State.PROCESSING}),
}
"""Which states a new one may replace: the first end counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A charge or a refund as the sandbox remembers it."""

    key: str
    reference: str
    """Names it to others; unguessable, as the payer's page is found by it."""
    charge_key: str
    """Of a refund: the charge; empty for a charge."""
    minor: int
    currency: str
    capture: bool
    behaviour: str
    return_url: str
    begun_at: datetime
    state: State
    settled_at: datetime | None = None


class SandboxStore(Protocol):
    """Remembers charges across processes and restarts. Thread-safe; each method is atomic."""

    def begin(self, stored: Stored) -> Stored:
        """Remember a new charge; if its key is known already, return what is remembered."""
        ...

    def find(self, key: str) -> Stored | None:
        """The charge or refund of a key."""
        ...

    def find_reference(self, reference: str) -> Stored | None:
        """The charge of a reference."""
        ...

    def settle(self, key: str, state: State, at: datetime) -> Stored:
        """Move to a state, if `REPLACEABLE` allows it; returns what is remembered then.

        Raises:
            KeyError: the key is not known.
        """
        ...


class MemorySandboxStore:
    """A `SandboxStore` for tests and simulations."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: OrderedDict[str, Stored] = OrderedDict()

    @property
    def rows(self) -> list[Stored]:
        """Everything that is remembered, in the order of begin."""
        with self._lock:
            return list(self._rows.values())

    def begin(self, stored: Stored) -> Stored:
        """See `SandboxStore`."""
        with self._lock:
            known = self._rows.setdefault(stored.key, stored)
            if len(self._rows) > KEYS_MAX:
                self._rows.popitem(last=False)
            return known

    def find(self, key: str) -> Stored | None:
        """See `SandboxStore`."""
        with self._lock:
            return self._rows.get(key)

    def find_reference(self, reference: str) -> Stored | None:
        """See `SandboxStore`."""
        with self._lock:
            return next((one for one in self._rows.values() if one.reference == reference), None)

    def settle(self, key: str, state: State, at: datetime) -> Stored:
        """See `SandboxStore`."""
        with self._lock:
            row = self._rows[key]
            if row.state in REPLACEABLE[state]:
                row = self._rows[key] = replace(row, state=state, settled_at=at)
            return row
