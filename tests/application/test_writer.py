"""The batching writer: bounded, in order, and nobody is left without an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event
from uuid import UUID

import pytest

from application.command import Outcome
from application.errors import Overloaded
from application.event_log import Loading
from application.writer import Result, Writer
from tests.support.memory_log import MemoryLog
from tests.support.world import World, envelope


class Gate(MemoryLog):
    """A log that waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.open = Event()
        self.open.set()
        self.batches: list[int] = []

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> Loading:
        assert self.open.wait(10)
        self.batches.append(len(streams))
        return super().load(streams, receipts)


def test_what_waits_becomes_one_batch_and_everybody_is_answered_in_order() -> None:
    world = World(log := Gate())
    answers: list[Result] = []
    done = Event()
    writer = Writer(world.bus, batch_max=64)
    writer.start()
    log.open.clear()
    log.batches.clear()

    def answer(result: Result) -> None:
        answers.append(result)
        if len(answers) == 101:
            done.set()

    for _ in range(101):
        writer.submit(envelope(world.create()), answer)
    log.open.set()

    assert done.wait(10)
    writer.stop()
    positions = [one.position for one in answers if isinstance(one, Outcome)]
    assert len(positions) == 101
    assert positions == sorted(positions)
    assert len(log.batches) <= 4


def test_a_full_queue_refuses_at_once() -> None:
    world = World(log := Gate())
    writer = Writer(world.bus, queue_max=3)
    log.open.clear()
    answers: list[Result] = []
    for _ in range(3):
        writer.submit(envelope(world.create()), answers.append)

    with pytest.raises(Overloaded, match="full"):
        writer.submit(envelope(world.create()), answers.append)

    log.open.set()
    writer.start()
    writer.stop()
    assert len(answers) == 3
    with pytest.raises(Overloaded, match="stopping"):
        writer.submit(envelope(world.create()), answers.append)


def test_a_twin_on_its_way_is_known() -> None:
    world = World(MemoryLog())
    writer = Writer(world.bus)

    first = writer.submit(envelope(world.create(), "k"), lambda _: None)
    second = writer.submit(envelope(world.create(), "k"), lambda _: None)
    other = writer.submit(envelope(world.create(), "l"), lambda _: None)

    assert (first, second, other) == (False, True, False)
