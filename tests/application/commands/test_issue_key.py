"""IssueKey: a holder has at most two active keys of a role, however many are issued at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application.command import StreamState
from application.commands.issue_key import IssueKey
from application.commands.revoke_key import RevokeKey
from application.event_log import AppendRequest, fold, history
from application.snapshots import EVERY_EVENTS, restore, take
from domain import ids
from domain.merchants.api_key import ApiKey, BearerKey, Role
from domain.merchants.key_ring import KeyRing
from tests.support.given import (
    APP,
    APP_ID,
    HOLDERS,
    MERCHANT,
    NOBODY,
    Scenario,
    event,
    given,
    refused,
)
from tests.support.interfering_log import InterferingLog
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import START

KEY_IDS = [UUID(f"01890a5d-ac96-774b-bcce-b3020000010{number}") for number in range(4)]
KEYS = [ids.encode("key", key_id) for key_id in KEY_IDS]


def issue(number: int, role: Role = Role.MERCHANT, *known: UUID, holder: str = "") -> IssueKey:
    return issue_as(KEY_IDS[number], role, *known, holder=holder)


def issue_as(key_id: UUID, role: Role, *known: UUID, holder: str) -> IssueKey:
    holders = {Role.MERCHANT: MERCHANT, Role.WALLET: APP}
    key = BearerKey.make(mode="test", role=role, key_id=key_id, random=b"k" * 32)
    return IssueKey(key=key, holder_id=holder or holders.get(role, role.value), known_keys=known)


def issued_without_ring(number: int) -> AppendRequest:
    """A key from before key rings existed: one event in the stream of the key."""
    key = ApiKey.issue(key=issue(number).key, holder_id=MERCHANT, at=START)
    return AppendRequest(uuid7(), b"", key.collect_events())


def key_limit(command: IssueKey) -> Any:
    return refused(
        "key-limit", holder_id=command.holder_id, keys_max=2, role=command.key.role.value
    )


@pytest.mark.parametrize("role", list(Role))
def test_a_key_is_issued_and_added_to_the_ring_of_its_holder(role: Role) -> None:
    command = issue(0, role)

    scenario = given(*HOLDERS).when(command)

    holder = {"role": role.value, "holder_id": command.holder_id}
    scenario.then(
        event(KeyRing.KeyAdded, command.ring_stream, key_id=KEYS[0], living=[KEYS[0]], **holder),
        event(
            ApiKey.Issued, KEY_IDS[0], mode="test", secret_hash=command.key.secret_hash, **holder
        ),
    )
    assert scenario.subject.id == KEY_IDS[0]


@pytest.mark.parametrize("role", list(Role))
def test_a_third_active_key_is_refused_and_a_revoked_one_makes_room(role: Role) -> None:
    scenario = given(*HOLDERS, issue(0, role), issue(1, role))

    scenario.when(issue(2, role)).then(key_limit(issue(2, role)))
    scenario.run(RevokeKey(key_id=KEY_IDS[0]))
    scenario.run(issue(2, role))
    scenario.when(issue(3, role)).then(key_limit(issue(3, role)))


def test_keys_older_than_key_rings_count_and_may_be_revoked() -> None:
    old = KEY_IDS[:2]
    scenario = given(*HOLDERS, issued_without_ring(0), issued_without_ring(1))

    scenario.when(issue(2, Role.MERCHANT, *old)).then(key_limit(issue(2)))
    scenario.run(RevokeKey(key_id=old[0]))
    scenario.run(issue(2, Role.MERCHANT, old[1]))
    scenario.when(issue(3)).then(key_limit(issue(3)))  # the ring lists the old key by now


@pytest.mark.parametrize("old", [0, 1])
def test_of_two_keys_issued_at_once_for_the_last_free_place_one_is_refused(old: int) -> None:
    ledger = LedgerFixture(log := InterferingLog())
    other = LedgerFixture(log, like=ledger)
    known: list[UUID] = []

    def issue_another() -> IssueKey:
        return issue_as(uuid7(), Role.MERCHANT, *known, holder=ledger.merchant)

    if old:
        key = ApiKey.issue(key=issue(0).key, holder_id=ledger.merchant, at=log.now())
        log.append([AppendRequest(uuid7(), b"", key.collect_events())])
        known.append(key.id)
    else:
        ledger.send(issue_another())
    log.before_append = lambda: other.send(issue_another())

    assert ledger.try_send(issue_another()) == "key-limit"


@pytest.mark.parametrize("holder_id", [NOBODY, APP_ID], ids=["unknown", "a wallet app"])
def test_a_holder_that_is_no_merchant_is_not_found(holder_id: UUID) -> None:
    command = issue(0, holder=ids.encode("mer", holder_id))

    given(*HOLDERS).when(command).then(refused("not-found", thing="holder"))


@pytest.mark.parametrize(
    ("role", "holder"), [(Role.MERCHANT, APP), (Role.AUDITOR, "mer_x")], ids=str
)
def test_a_holder_of_another_role_is_refused(role: Role, holder: str) -> None:
    given(*HOLDERS).when(issue(0, role, holder=holder)).then_invalid("holder")


def test_a_key_ring_of_many_rotations_is_kept_in_a_snapshot() -> None:
    def rotate(scenario: Scenario) -> IssueKey:
        command = issue_as(uuid7(), Role.MERCHANT, holder=MERCHANT)
        scenario.run(command)
        scenario.run(RevokeKey(key_id=command.key.key_id))
        return command

    scenario = given(*HOLDERS)
    *_, last = [rotate(scenario) for _ in range(EVERY_EVENTS)]
    ring: Any = fold(history(scenario.log, last.ring_stream))

    snapshot = take(StreamState(ring, 7))
    restored = restore(snapshot) if snapshot else None

    assert ring.version == EVERY_EVENTS
    assert restored is not None
    assert vars(restored.aggregate) == vars(ring)
    assert ring.living == (ids.encode("key", last.key.key_id),)
