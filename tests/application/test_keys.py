"""Keys are given out and revoked by commands; the limit holds whatever the caller knew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application.command import StreamState
from application.commands.issue_key import IssueKey
from application.commands.revoke_key import RevokeKey
from application.event_log import AppendRequest, Verdict, fold, history
from application.snapshots import EVERY_EVENTS, restore, take
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey, Role
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import MemoryLog


def issue(
    ledger: LedgerFixture, role: Role = Role.MERCHANT, *known: UUID, holder: str = ""
) -> IssueKey:
    holders = {Role.MERCHANT: ledger.merchant, Role.WALLET: ledger.app}
    key = BearerKey.make(mode="test", role=role, key_id=uuid7(), random=b"k" * 32)
    holder_id = holder or holders.get(role, role.value)
    return IssueKey(key=key, holder_id=holder_id, known_keys=known)


def issued_before_rings(ledger: LedgerFixture) -> UUID:
    """A key as ledgers hold it that are older than key rings: one event in the key's own stream."""
    key = ApiKey.issue(key=issue(ledger).key, holder_id=ledger.merchant, at=ledger.log.now())
    ledger.log.append([AppendRequest(uuid7(), b"", key.collect_events())])
    return key.id


@pytest.mark.parametrize("role", list(Role))
def test_a_holder_has_two_living_keys_and_a_revoked_one_makes_room(role: Role) -> None:
    ledger = LedgerFixture(MemoryLog())
    first = issue(ledger, role)

    assert ledger.send(first).subject.id == first.key.key_id
    ledger.send(issue(ledger, role))
    assert ledger.try_send(issue(ledger, role)) == "key-limit"
    ledger.send(RevokeKey(key_id=first.key.key_id))
    ledger.send(issue(ledger, role))
    assert ledger.try_send(issue(ledger, role)) == "key-limit"


def test_keys_that_are_older_than_key_rings_count_and_may_be_revoked() -> None:
    ledger = LedgerFixture(MemoryLog())
    old = [issued_before_rings(ledger), issued_before_rings(ledger)]

    assert ledger.try_send(issue(ledger, Role.MERCHANT, *old)) == "key-limit"
    ledger.send(RevokeKey(key_id=old[0]))
    ledger.send(issue(ledger, Role.MERCHANT, old[1]))

    assert ledger.try_send(issue(ledger)) == "key-limit"  # the ring knows the old one by now


@pytest.mark.parametrize("old", [0, 1])
def test_of_two_who_give_out_the_last_free_place_at_once_one_is_refused(old: int) -> None:
    class Overtaken(MemoryLog):
        meddle: Callable[[], object] | None = None

        def append(self, batch: Sequence[AppendRequest]) -> Sequence[Verdict]:
            act, self.meddle = self.meddle, None
            if act:
                act()
            return super().append(batch)

    ledger = LedgerFixture(log := Overtaken())
    other = LedgerFixture(log, like=ledger)
    known = tuple(issued_before_rings(ledger) for _ in range(old))
    for _ in range(1 - old):
        ledger.send(issue(ledger))
    log.meddle = lambda: other.send(issue(other, Role.MERCHANT, *known))

    assert ledger.try_send(issue(ledger, Role.MERCHANT, *known)) == "key-limit"


def test_a_key_needs_a_holder_that_is_there_and_of_its_role() -> None:
    ledger = LedgerFixture(log := MemoryLog())
    head = log.head()
    nobody = ids.encode("mer", uuid7())
    app_as_merchant = ids.encode("mer", ledger.app_id)

    assert ledger.try_send(issue(ledger, holder=nobody)) == "not-found"
    assert ledger.try_send(issue(ledger, holder=app_as_merchant)) == "not-found"
    assert ledger.try_send(issue(ledger, holder=ledger.app)) == "invalid-request"
    assert ledger.try_send(issue(ledger, Role.AUDITOR, holder="mer_x")) == "invalid-request"
    assert log.head() == head


def test_a_key_ring_of_many_rotations_is_kept_in_a_snapshot() -> None:
    ledger = LedgerFixture(MemoryLog())
    for _ in range(EVERY_EVENTS):
        ledger.send(command := issue(ledger))
        ledger.send(RevokeKey(key_id=command.key.key_id))
    ring: Any = fold(history(ledger.log, command.ring_stream))

    snapshot = take(StreamState(ring, 7))
    restored = restore(snapshot) if snapshot else None

    assert ring.version == EVERY_EVENTS
    assert restored is not None
    assert vars(restored.aggregate) == vars(ring)
    assert ring.living == (ids.encode("key", command.key.key_id),)
