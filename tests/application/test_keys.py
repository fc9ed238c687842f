"""Keys are given out and revoked by commands; the limit holds whatever the caller knew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application.command import Entry
from application.commands.holders import IssueKey, RevokeKey
from application.event_log import Pending, Verdict, fold, history
from application.snapshots import EVERY_EVENTS, restore, take
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey, Role
from tests.support.memory_log import MemoryLog
from tests.support.world import World


def issue(world: World, role: Role = Role.MERCHANT, *known: UUID, holder: str = "") -> IssueKey:
    holders = {Role.MERCHANT: world.merchant, Role.WALLET: world.app}
    key = BearerKey.make(mode="test", role=role, key_id=uuid7(), random=b"k" * 32)
    holder_id = holder or holders.get(role, role.value)
    return IssueKey(key=key, holder_id=holder_id, known_keys=known)


def issued_before_rings(world: World) -> UUID:
    """A key as ledgers hold it that are older than key rings: one event in the key's own stream."""
    key = ApiKey.issue(key=issue(world).key, holder_id=world.merchant, at=world.log.now())
    world.log.append([Pending(uuid7(), b"", key.collect_events())])
    return key.id


@pytest.mark.parametrize("role", list(Role))
def test_a_holder_has_two_living_keys_and_a_revoked_one_makes_room(role: Role) -> None:
    world = World(MemoryLog())
    first = issue(world, role)

    assert world.send(first).subject.id == first.key.key_id
    world.send(issue(world, role))
    assert world.try_send(issue(world, role)) == "key-limit"
    world.send(RevokeKey(key_id=first.key.key_id))
    world.send(issue(world, role))
    assert world.try_send(issue(world, role)) == "key-limit"


def test_keys_that_are_older_than_key_rings_count_and_may_be_revoked() -> None:
    world = World(MemoryLog())
    old = [issued_before_rings(world), issued_before_rings(world)]

    assert world.try_send(issue(world, Role.MERCHANT, *old)) == "key-limit"
    world.send(RevokeKey(key_id=old[0]))
    world.send(issue(world, Role.MERCHANT, old[1]))

    assert world.try_send(issue(world)) == "key-limit"  # the ring knows the old one by now


@pytest.mark.parametrize("old", [0, 1])
def test_of_two_who_give_out_the_last_free_place_at_once_one_is_refused(old: int) -> None:
    class Overtaken(MemoryLog):
        meddle: Callable[[], object] | None = None

        def append(self, batch: Sequence[Pending]) -> Sequence[Verdict]:
            act, self.meddle = self.meddle, None
            if act:
                act()
            return super().append(batch)

    world = World(log := Overtaken())
    other = World(log, like=world)
    known = tuple(issued_before_rings(world) for _ in range(old))
    for _ in range(1 - old):
        world.send(issue(world))
    log.meddle = lambda: other.send(issue(other, Role.MERCHANT, *known))

    assert world.try_send(issue(world, Role.MERCHANT, *known)) == "key-limit"


def test_a_key_needs_a_holder_that_is_there_and_of_its_role() -> None:
    world = World(log := MemoryLog())
    head = log.head()
    nobody = ids.encode("mer", uuid7())
    app_as_merchant = ids.encode("mer", world.app_id)

    assert world.try_send(issue(world, holder=nobody)) == "not-found"
    assert world.try_send(issue(world, holder=app_as_merchant)) == "not-found"
    assert world.try_send(issue(world, holder=world.app)) == "invalid-request"
    assert world.try_send(issue(world, Role.AUDITOR, holder="mer_x")) == "invalid-request"
    assert log.head() == head


def test_a_key_ring_of_many_rotations_is_kept_in_a_snapshot() -> None:
    world = World(MemoryLog())
    for _ in range(EVERY_EVENTS):
        world.send(command := issue(world))
        world.send(RevokeKey(key_id=command.key.key_id))
    ring: Any = fold(history(world.log, command.ring_stream))

    snapshot = take(Entry(ring, 7))
    restored = restore(snapshot) if snapshot else None

    assert ring.version == EVERY_EVENTS
    assert restored is not None
    assert vars(restored.state) == vars(ring)
    assert ring.living == (ids.encode("key", command.key.key_id),)
