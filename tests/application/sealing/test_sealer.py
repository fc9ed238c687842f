"""The sealer: one root for each size, notes before checkpoints, and a halt instead of a lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from application.ports.sealing import Published
from application.sealing.errors import NotesMissing, SealHalted, TileDiffers
from domain.audit import leaf as leaves
from domain.audit.leaf import Leaf
from domain.audit.merkle import hash_leaf
from domain.audit.note import Checkpoint, parse
from tests.support.sealing import (
    KEY,
    ORIGIN,
    World,
    make_leaf,
    make_leaves,
    root_at,
    vector_leaf,
)

VECTOR = "c2997e48d61d5912084a64a523177db2ee72a25bccf76dba7f91d73e0478f622"


def sealed_world(count: int) -> World:
    world = World(log=make_leaves(count))
    world.seal()
    return world


def test_the_contracts_vector() -> None:
    zero = bytes(16)
    leaf = Leaf(1, zero, 1, 0, zero, zero, 1, "a", "t", b"{}")

    assert leaves.encode(leaf) == vector_leaf()
    assert hash_leaf(vector_leaf()).hex() == VECTOR
    world = World(log=[leaf])
    world.seal()

    assert world.published[0].checkpoint == Checkpoint(ORIGIN, 1, bytes.fromhex(VECTOR))


def test_the_leaf_of_a_position_is_at_the_index_before_it() -> None:
    world = sealed_world(300)

    tile = world.tiles[0, 0].hashes
    for position in (1, 2, 256):
        expected = hash_leaf(leaves.encode(world.log[position - 1]))
        assert tile[32 * (position - 1) : 32 * position] == expected


@pytest.mark.parametrize("count", [1, 255, 256, 257, 1000, 1001, 2500])
def test_everything_is_sealed_and_the_checkpoint_is_signed(count: int) -> None:
    world = sealed_world(count)

    [*_, newest] = world.published
    assert newest.checkpoint == Checkpoint(ORIGIN, count, root_at(world.log, count))
    assert parse(newest.note.encode()).verify([KEY.verifier]) == {KEY.verifier: None}
    assert newest.note.startswith(f"{ORIGIN}\n{count}\n")
    world.check()


def test_an_empty_log_and_a_log_without_news_are_not_sealed() -> None:
    world = World()
    world.seal()
    assert world.published == []

    world = sealed_world(10)
    world.seal()
    assert len(world.published) == 1


def test_sealing_goes_on_where_it_was() -> None:
    world = sealed_world(700)
    world.log += make_leaves(1800, after=700)
    world.seal()

    assert [one.checkpoint.size for one in world.published] == [700, 1700, 2500]
    world.check()


def test_a_sealer_killed_at_any_step_never_signs_two_heads_of_one_size() -> None:
    whole = World(log=make_leaves(700))
    whole.seal()
    whole.log += make_leaves(400, after=700)
    whole.seal()
    steps = whole.calls

    for power in (False, True):
        for kill_at in range(1, steps + 1):
            world = World(log=make_leaves(700))
            world.seal()
            world.log += make_leaves(400, after=700)
            assert world.seal(kill_at=kill_at) is None
            if power:
                world.lose_power()
            world.check()
            world.log += make_leaves(3, after=1100)  # it is another size after the restart
            world.seal()
            world.check()
            assert world.published[-1].checkpoint.size == 1103
            assert world.tiles.keys() == {(0, n) for n in range(4)}


def test_a_first_start_killed_at_any_step_is_repeated() -> None:
    whole = World(log=make_leaves(1300))
    whole.seal()

    for kill_at in range(1, whole.calls + 1):
        world = World(log=make_leaves(1300))
        world.seal(kill_at=kill_at)
        world.lose_power()
        world.seal()
        world.check()
        assert world.published[-1].checkpoint == whole.published[-1].checkpoint


def test_a_note_that_was_not_published_is_published_by_the_next_start() -> None:
    world = sealed_world(10)
    published = world.published.pop()

    world.seal()

    assert world.published == [published]


def test_no_checkpoint_is_published_before_its_note_is_on_the_disk() -> None:
    world = World(log=make_leaves(20))
    seen: list[bool] = []
    publish: Callable[[Published], None] = world.published.append

    class Watched(list):  # type: ignore[type-arg]
        def append(self, one: Published) -> None:
            seen.append(one.note in world.durable)
            publish(one)

    world.published = Watched()
    world.seal()

    assert seen == [True]


def halted(world: World) -> str:
    before = len(world.published), len(world.written), dict(world.ever_signed)
    with pytest.raises(SealHalted) as halt:
        world.seal()
    assert (len(world.published), len(world.written), dict(world.ever_signed)) == before
    return str(halt.value)


def test_a_log_set_back_is_never_signed() -> None:
    world = sealed_world(700)
    world.log = world.log[:690]
    world.published = world.published[:0]

    assert "ends at position 690, but a head of 700 is signed" in halted(world)


def test_a_log_set_back_that_has_grown_again_is_never_signed() -> None:
    world = sealed_world(700)
    old = dict(world.tiles)
    world.log = [*world.log[:690], *(make_leaf(p, state=b"other") for p in range(691, 900))]
    world.tiles = {key: tile for key, tile in old.items() if key[1] < 2}
    world.published = []

    assert "up to position 700 is not the one whose head was signed" in halted(world)


def test_a_changed_event_among_the_last_ones_is_noticed() -> None:
    world = sealed_world(700)
    world.log[695] = make_leaf(696, state=b"changed")

    assert "is not the one whose head was signed" in halted(world)


def test_a_changed_tile_is_noticed_when_it_matters() -> None:
    world = sealed_world(700)
    tile = world.tiles[0, 1]
    world.tiles[0, 1] = replace(tile, hashes=bytes(32) + tile.hashes[32:])

    assert "is not the one whose head was signed" in halted(world)


def test_a_tile_that_is_gone_or_another_one_halts() -> None:
    gone = sealed_world(700)
    del gone.tiles[0, 1]
    assert "tile 1 of level 0 is not stored any more" in halted(gone)

    other = World(log=make_leaves(300))
    other.seal()
    stored = other.tiles[0, 0]
    fresh = World(log=make_leaves(300))
    fresh.tiles[0, 0] = replace(stored, hashes=bytes(8192))
    with pytest.raises(TileDiffers):
        fresh.seal()
    assert fresh.published == []


def test_a_missing_position_halts() -> None:
    world = sealed_world(10)
    world.log += [make_leaf(12), make_leaf(13)]

    assert "position 11 is missing" in halted(world)


def test_an_event_that_cannot_be_sealed_halts() -> None:
    world = World(log=[make_leaf(1), make_leaf(2, state=bytes(60_001))])

    assert "position 2: the state has 60001 bytes" in halted(world)


def test_tiles_that_do_not_lead_to_the_new_head_halt() -> None:
    world = World(log=make_leaves(400))
    sealer = world.sealer()
    sealer.open()
    sealer.read()
    sealer.seal()
    world.log += make_leaves(400, after=400)
    sealer.read()
    tile = world.tiles[0, 1]
    world.tiles[0, 1] = replace(tile, hashes=bytes(8192))

    with pytest.raises(SealHalted, match="does not continue that of 400"):
        sealer.seal()
    assert [one.checkpoint.size for one in world.published] == [400]


def test_published_checkpoints_without_their_notes_keep_it_from_starting() -> None:
    lost = sealed_world(10)
    lost.written = []
    with pytest.raises(NotesMissing, match="size 10 is published"):
        lost.seal()

    older = sealed_world(10)
    older.log += make_leaves(5, after=10)
    older.seal()
    older.written = older.written[:1]
    with pytest.raises(NotesMissing, match="size 15 is published"):
        older.seal()


def test_a_published_checkpoint_of_another_tree_halts() -> None:
    world = sealed_world(10)
    world.log += make_leaves(5, after=10)
    world.seal()
    [first, second] = world.published
    forged = replace(first.checkpoint, root=bytes(32))
    world.published = [Published(forged, first.note)]

    assert "published checkpoint of size 10 does not agree" in halted(world)
    assert second.checkpoint.size == 15


def test_a_note_of_another_log_halts() -> None:
    world = sealed_world(10)
    world.written = [world.written[0].replace("pay.example/", "other.example/")]
    world.published = []

    assert "the last note is of the log other.example/" in halted(world)


def test_an_event_of_the_logs_own_stream_is_noticed() -> None:
    world = World(log=make_leaves(3))
    sealer = world.sealer()
    sealer.open()
    sealer.read()
    assert not sealer.log_changed
    world.log.append(make_leaf(4, topic="log.key_added"))

    sealer.read()

    assert sealer.log_changed
