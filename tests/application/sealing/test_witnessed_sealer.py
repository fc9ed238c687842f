"""A sealer with witnesses: published is the newest head that meets the quorum, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from application.sealing.sealer import Sealer
from application.witnessing.cosigning import AWAY_SECONDS, Cosigning
from domain.audit import note as notes
from domain.audit import policy as policies
from domain.audit.errors import QuorumMissing
from domain.audit.policy import Policy
from tests.support.sealing import KEY, World, make_leaves
from tests.support.witnesses import KEYS, Clock, LocalWitnesses, make_witness

ADDRESSED = [f"witness W{n} {key.verifier} https://w{n}.example" for n, key in enumerate(KEYS)]
POLICY = policies.parse(
    "\n".join([f"log {KEY.verifier}", *ADDRESSED, "group g 2 W0 W1 W2", "quorum g", ""]).encode()
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def witnesses(tmp_path: Path) -> LocalWitnesses:
    return LocalWitnesses(
        {k.verifier: make_witness(tmp_path / k.verifier.name, k, [KEY]) for k in KEYS}
    )


@pytest.fixture
def world(witnesses: LocalWitnesses, clock: Clock) -> World:
    return World(endorse=Cosigning(POLICY, witnesses, clock).endorse)


def check(world: World, policy: Policy = POLICY) -> list[int]:
    """The published sizes; each checkpoint meets the policy."""
    world.check()
    for one in world.published:
        policy.check(notes.parse(one.note.encode()))
    return [one.checkpoint.size for one in world.published]


def opened(world: World) -> Sealer:
    sealer = world.sealer()
    sealer.open()
    sealer.read()
    return sealer


def test_what_is_published_meets_the_quorum(world: World) -> None:
    for size in (1, 300, 700):
        world.log += make_leaves(size - len(world.log), after=len(world.log))
        world.seal()

    assert check(world) == [1, 300, 700]


def test_without_the_quorum_publishing_waits_and_sealing_goes_on(
    world: World, witnesses: LocalWitnesses, clock: Clock
) -> None:
    witnesses.away = {key.verifier for key in KEYS[:2]}
    sealer = opened(world)
    for size in (10, 20, 30):
        world.log += make_leaves(10, after=size - 10)
        sealer.read()
        with pytest.raises(QuorumMissing):
            sealer.seal()
        assert sealer.signed is not None
        assert (sealer.signed.size, sealer.sealed, sealer.has_news) == (size, 0, True)
    with pytest.raises(QuorumMissing):
        sealer.seal()
    assert len(world.durable) == 3

    witnesses.away = set()
    clock.seconds += AWAY_SECONDS
    sealer.seal()

    assert check(world) == [30]
    assert not sealer.has_news


def test_a_head_that_was_signed_and_not_published_is_published_after_a_restart(
    world: World, witnesses: LocalWitnesses, clock: Clock
) -> None:
    world.log = make_leaves(300)
    witnesses.away = {key.verifier for key in KEYS}
    with pytest.raises(QuorumMissing):
        world.seal()
    still_away = opened(world)
    assert (still_away.sealed, still_away.has_news) == (0, True)
    assert check(world) == []

    witnesses.away = set()
    clock.seconds += AWAY_SECONDS
    again = opened(world)

    assert (again.sealed, again.has_news) == (300, False)
    assert check(world) == [300]


def test_a_restart_publishes_nothing_twice(world: World) -> None:
    world.log = make_leaves(300)
    world.seal()
    world.seal()

    assert check(world) == [300]


def test_an_unchanged_head_is_published_again_with_new_cosignatures(world: World) -> None:
    world.log = make_leaves(300)
    sealer = world.seal()
    assert sealer is not None

    sealer.seal()

    assert check(world) == [300, 300]
    assert len(world.durable) == 1


def test_a_log_that_was_set_back_with_its_notes_is_not_published(
    world: World, witnesses: LocalWitnesses, clock: Clock
) -> None:
    world.log = make_leaves(300)
    world.seal()
    back = World(log=make_leaves(100), endorse=Cosigning(POLICY, witnesses, clock).endorse)

    with pytest.raises(QuorumMissing):
        back.seal()

    assert back.published == []


def test_a_kill_at_any_step_leaves_what_the_witnesses_have_seen(tmp_path: Path) -> None:
    for kill_at in range(1, 60):
        local = LocalWitnesses(
            {
                k.verifier: make_witness(tmp_path / f"{kill_at}-{n}", k, [KEY])
                for n, k in enumerate(KEYS)
            }
        )
        world = World(log=make_leaves(300), endorse=Cosigning(POLICY, local, lambda: 0.0).endorse)
        killed = world.seal(kill_at=kill_at) is None
        world.log += make_leaves(10, after=300)
        world.seal()

        assert check(world)[-1] == 310
        if not killed:
            return
    pytest.fail("there are more steps")
