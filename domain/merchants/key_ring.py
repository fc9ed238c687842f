"""The key ring: at most two keys of one holder live at a time, however many ask for one at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypedDict
from uuid import UUID

from eventsourcing.domain import Aggregate, CanMutateAggregate, TAggregate, event

from domain import ids
from domain.aggregate import LedgerAggregate
from domain.merchants.api_key import ApiKey, Role
from domain.merchants.errors import KeyLimit

KEYS_PER_HOLDER_MAX: Final = 2
"""Two keys may live at a time, so that a holder can rotate without a gap."""


class KeyRing(LedgerAggregate):
    """The living keys of one role and holder, as of the last one that was given out.

    Every new key is an event of this one stream, so of several that are given out at once the log
    records one and the others are decided again. Revoking is an event of the key alone: a revoked
    key never lives again, so a ring that has not heard of it refuses at worst a moment too long.
    """

    TOPIC = "key_ring"
    STATE_VERSION = 1

    class State(TypedDict):
        """What a snapshot keeps; raise `STATE_VERSION` with every change."""

        role: Role
        holder_id: str
        living: tuple[str, ...]

    class Event(Aggregate.Event):
        """Anything that happens to a key ring."""

        TOPIC = "key_ring.event"

    class KeyAdded(Event, Aggregate.Created):
        """A key was given out; the first one also starts the stream."""

        TOPIC = "key_ring.key_added"
        role: str
        holder_id: str
        key_id: str
        living: list[str]

        def mutate(self, aggregate: TAggregate | None) -> TAggregate | None:
            """Start the stream, or go on with it."""
            if aggregate is None:
                return super().mutate(None)
            return CanMutateAggregate.mutate(self, aggregate)

        def apply(self, aggregate: KeyRing) -> None:
            """Record which keys lived when this one was added, itself included."""
            aggregate.living = tuple(self.living)

    @event(KeyAdded)
    def __init__(self, role: str, holder_id: str, key_id: str, living: list[str]) -> None:  # noqa: ARG002 - the library calls it with event fields
        self.role = Role(role)
        self.holder_id = holder_id
        self.living = tuple(living)

    @staticmethod
    def stream_id(role: Role, holder_id: str) -> UUID:
        """The stream of a role and holder: derived, so that it is found without a look-up."""
        return ids.derive("key_ring", role.value, holder_id)

    @classmethod
    def open(cls, *, key: ApiKey, others: Mapping[str, ApiKey], at: datetime) -> KeyRing:
        """Start a ring with its first key; see `add`."""
        facts = _added((), key, others)
        ring_id = cls.stream_id(key.role, key.holder_id)
        return cls._create(cls.KeyAdded, id=ring_id, timestamp=at, **facts)

    def add(self, *, key: ApiKey, others: Mapping[str, ApiKey], at: datetime) -> None:
        """Take a new key in.

        Args:
            key: the new key.
            others: keys by their ids, among them the ring's and any that were given out before
                there were rings; one of the ring's that is missing counts as living.
            at: the ledger's time, UTC.

        Raises:
            KeyLimit: the holder has two living keys.
        """
        facts = _added(self.living, key, others)
        self.trigger_event(self.KeyAdded, originator_topic=self.TOPIC, timestamp=at, **facts)


def _added(known: tuple[str, ...], key: ApiKey, others: Mapping[str, ApiKey]) -> dict[str, Any]:
    holder = (key.role, key.holder_id)
    unseen = [name for name in known if name not in others]
    seen = [
        name
        for name, other in others.items()
        if (other.role, other.holder_id) == holder and not other.revoked
    ]
    if len(unseen) + len(seen) >= KEYS_PER_HOLDER_MAX:
        raise KeyLimit(holder_id=key.holder_id, keys_max=KEYS_PER_HOLDER_MAX, role=key.role.value)
    return {
        "role": key.role.value,
        "holder_id": key.holder_id,
        "key_id": key.public_id,
        "living": [*unseen, *seen, key.public_id],
    }
