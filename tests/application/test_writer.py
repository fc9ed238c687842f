"""The batching writer: bounded, in order, and nobody is left without an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import ClassVar
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from application.command import Envelope, Outcome, Result
from application.errors import Overloaded
from application.event_log import LoadResult
from application.writer import Writer
from tests.support.ledger_fixture import LedgerFixture, envelope
from tests.support.memory_log import MemoryLog


class Gate(MemoryLog):
    """A log that waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.open = Event()
        self.open.set()
        self.batches: list[int] = []

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        assert self.open.wait(10)
        self.batches.append(len(streams))
        return super().load(streams, receipts)


def test_what_waits_becomes_one_batch_and_everybody_is_answered_in_order() -> None:
    ledger = LedgerFixture(log := Gate())
    answers: list[Result] = []
    done = Event()
    writer = Writer(ledger.bus, batch_max=64)
    writer.start()
    log.open.clear()
    log.batches.clear()

    def answer(result: Result) -> None:
        answers.append(result)
        if len(answers) == 101:
            done.set()

    for _ in range(101):
        writer.submit(envelope(ledger.create()), answer)
    log.open.set()

    assert done.wait(10)
    writer.stop()
    positions = [one.position for one in answers if isinstance(one, Outcome)]
    assert len(positions) == 101
    assert positions == sorted(positions)
    assert len(log.batches) <= 4


def test_a_full_queue_refuses_at_once() -> None:
    ledger = LedgerFixture(log := Gate())
    writer = Writer(ledger.bus, queue_max=3)
    log.open.clear()
    answers: list[Result] = []
    for _ in range(3):
        writer.submit(envelope(ledger.create()), answers.append)

    with pytest.raises(Overloaded, match="full"):
        writer.submit(envelope(ledger.create()), answers.append)

    log.open.set()
    writer.start()
    writer.stop()
    assert len(answers) == 3
    with pytest.raises(Overloaded, match="stopping"):
        writer.submit(envelope(ledger.create()), answers.append)


def test_a_twin_on_its_way_is_known() -> None:
    ledger = LedgerFixture(MemoryLog())
    writer = Writer(ledger.bus)

    first = writer.submit(envelope(ledger.create(), "k"), lambda _: None)
    second = writer.submit(envelope(ledger.create(), "k"), lambda _: None)
    other = writer.submit(envelope(ledger.create(), "l"), lambda _: None)

    assert (first, second, other) == (False, True, False)


class Lane:
    """A bus that notes which commands it holds, and lets go when it is told."""

    held: ClassVar[list[set[UUID]]] = []

    def __init__(self, go: Event) -> None:
        self._go = go
        self.sizes: list[int] = []
        self.clashes = 0
        self._writes: set[UUID] = set()

    def decide_batch(self, batch: Sequence[Envelope]) -> list[Result]:
        self._writes = {stream for one in batch for stream in one.command.writes}
        self.clashes += sum(bool(self._writes & other) for other in Lane.held)
        Lane.held.append(self._writes)
        self.sizes.append(len(batch))
        assert self._go.wait(10)
        Lane.held.remove(self._writes)
        return [Overloaded(reason="a test")] * len(batch)


def lanes(go: Event) -> tuple[list[Lane], Writer]:
    Lane.held.clear()
    made = [Lane(go), Lane(go)]
    return made, Writer(*made)  # type: ignore[arg-type]


def until(so: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not so():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_a_crowd_is_shared_by_two_lanes_and_a_few_are_not() -> None:
    go = Event()
    (one, two), writer = lanes(go)
    ledger = LedgerFixture(MemoryLog())
    for _ in range(100):
        writer.submit(envelope(ledger.create()), lambda _: None)
    writer.start()
    until(lambda: len(Lane.held) == 2)
    few = [writer.submit(envelope(ledger.create()), lambda _: None) for _ in range(5)]
    go.set()
    writer.stop()

    assert sum(one.sizes + two.sizes) == 105
    assert max(one.sizes) >= 32
    assert max(two.sizes) >= 32
    assert few == [False] * 5


def test_two_lanes_never_hold_commands_that_write_the_same() -> None:
    go = Event()
    (one, two), writer = lanes(go)
    ledger = LedgerFixture(MemoryLog())
    hot, cold = uuid7(), [uuid7() for _ in range(3)]
    for number in range(400):
        wallet = hot if number % 2 else cold[number % 3]
        pay = ledger.pay(uuid7(), wallet, "clm_x")
        writer.submit(envelope(pay), lambda _: None)
    writer.start()
    until(lambda: Lane.held)
    go.set()
    writer.stop()

    assert sum(one.sizes + two.sizes) == 400
    assert one.clashes + two.clashes == 0
