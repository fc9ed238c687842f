"""The key ring: at most two active keys per holder, even when keys are issued concurrently."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypedDict
from uuid import UUID

from eventsourcing.domain import Aggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate, StartsOrContinues
from domain.merchants.api_key import ApiKey, Role
from domain.merchants.errors import KeyLimit

KEYS_PER_HOLDER_MAX: Final = 2
"""Two active keys let a holder rotate without downtime."""


class KeyRing(LedgerAggregate):
    """The active keys of one role and holder, as of the last key issued.

    Every new key is an event of this one stream, so of several keys issued concurrently the log
    records one and the others are decided again. A revocation is an event of the key alone; the
    ring learns of it when the next key is added.
    """

    TOPIC = "key_ring"
    STATE_VERSION = 1

    class State(TypedDict):
        """The contents of a snapshot; raise `STATE_VERSION` with every change."""

        role: Role
        holder_id: str
        living: tuple[str, ...]

    class Event(Aggregate.Event):
        """The base of a key ring's events."""

        TOPIC = "key_ring.event"

    class KeyAdded(Event, StartsOrContinues):
        """A key was issued; the first one starts the stream."""

        TOPIC = "key_ring.key_added"
        role: str
        holder_id: str
        key_id: str
        living: list[str]

        def apply(self, aggregate: KeyRing) -> None:
            """Record the active keys, this one included."""
            aggregate.living = tuple(self.living)

    @event(KeyAdded)
    def __init__(self, role: str, holder_id: str, key_id: str, living: list[str]) -> None:  # noqa: ARG002 - the library calls it with event fields
        self.role = Role(role)
        self.holder_id = holder_id
        self.living = tuple(living)

    @staticmethod
    def stream_id(role: Role, holder_id: str) -> UUID:
        """The stream of a role and holder; derived, so no lookup is needed."""
        return ids.derive("key_ring", role.value, holder_id)

    @classmethod
    def open(cls, *, key: ApiKey, others: Mapping[str, ApiKey], at: datetime) -> KeyRing:
        """Start a ring with its first key; arguments and refusals as for `add`."""
        facts = _added((), key, others)
        ring_id = cls.stream_id(key.role, key.holder_id)
        return cls._create(cls.KeyAdded, id=ring_id, timestamp=at, **facts)

    def add(self, *, key: ApiKey, others: Mapping[str, ApiKey], at: datetime) -> None:
        """Add a new key.

        Args:
            key: the new key.
            others: the holder's other keys by TypeID: those of the ring, and those issued before
                key rings existed. A key of the ring that is missing here counts as active.
            at: the ledger's time, UTC.

        Raises:
            KeyLimit: the holder has two active keys.
        """
        facts = _added(self.living, key, others)
        self.trigger_event(self.KeyAdded, originator_topic=self.TOPIC, timestamp=at, **facts)


def _added(known: tuple[str, ...], key: ApiKey, others: Mapping[str, ApiKey]) -> dict[str, Any]:
    holder = (key.role, key.holder_id)
    missing = [name for name in known if name not in others]
    active = [
        name
        for name, other in others.items()
        if (other.role, other.holder_id) == holder and not other.revoked
    ]
    if len(missing) + len(active) >= KEYS_PER_HOLDER_MAX:
        raise KeyLimit(holder_id=key.holder_id, keys_max=KEYS_PER_HOLDER_MAX, role=key.role.value)
    return {
        "role": key.role.value,
        "holder_id": key.holder_id,
        "key_id": key.public_id,
        "living": [*missing, *active, key.public_id],
    }
