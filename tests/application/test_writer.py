"""The batching writer: bounded, in order, and every command gets its result."""

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
    """A log that blocks loads while it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open = Event()
        self.open.set()
        self.batches: list[int] = []

    def load(self, streams: Mapping[UUID, int], receipts: Sequence[UUID]) -> LoadResult:
        assert self.open.wait(10)
        self.batches.append(len(streams))
        return super().load(streams, receipts)


def test_queued_commands_become_one_batch_and_get_their_results_in_order() -> None:
    ledger = LedgerFixture(log := Gate())
    results: list[Result] = []
    done = Event()
    writer = Writer(ledger.bus, batch_max=64)
    writer.start()
    log.open.clear()
    log.batches.clear()

    def collect(result: Result) -> None:
        results.append(result)
        if len(results) == 101:
            done.set()

    for _ in range(101):
        writer.submit(envelope(ledger.create()), collect)
    log.open.set()

    assert done.wait(10)
    writer.stop()
    positions = [result.position for result in results if isinstance(result, Outcome)]
    assert len(positions) == 101
    assert positions == sorted(positions)
    assert len(log.batches) <= 4


def test_a_full_queue_refuses_at_once() -> None:
    ledger = LedgerFixture(log := Gate())
    writer = Writer(ledger.bus, queue_max=3)
    log.open.clear()
    results: list[Result] = []
    for _ in range(3):
        writer.submit(envelope(ledger.create()), results.append)

    with pytest.raises(Overloaded, match="the queue is full"):
        writer.submit(envelope(ledger.create()), results.append)

    log.open.set()
    writer.start()
    writer.stop()
    assert len(results) == 3
    with pytest.raises(Overloaded, match="the process is stopping"):
        writer.submit(envelope(ledger.create()), results.append)


def test_submitting_tells_whether_the_same_command_is_in_progress() -> None:
    ledger = LedgerFixture(MemoryLog())
    writer = Writer(ledger.bus)

    first = writer.submit(envelope(ledger.create(), "k"), lambda _: None)
    second = writer.submit(envelope(ledger.create(), "k"), lambda _: None)
    other = writer.submit(envelope(ledger.create(), "l"), lambda _: None)

    assert (first, second, other) == (False, True, False)


class BlockedBus:
    """A bus that records the streams its batch writes, and returns when it may."""

    in_lanes: ClassVar[list[set[UUID]]] = []

    def __init__(self, may_return: Event) -> None:
        self._may_return = may_return
        self.sizes: list[int] = []
        self.clashes = 0

    def decide_batch(self, batch: Sequence[Envelope]) -> list[Result]:
        writes = {stream for envelope in batch for stream in envelope.command.writes}
        self.clashes += sum(bool(writes & other) for other in BlockedBus.in_lanes)
        BlockedBus.in_lanes.append(writes)
        self.sizes.append(len(batch))
        assert self._may_return.wait(10)
        BlockedBus.in_lanes.remove(writes)
        return [Overloaded(reason="a test")] * len(batch)


def blocked_lanes(may_return: Event) -> tuple[list[BlockedBus], Writer]:
    BlockedBus.in_lanes.clear()
    buses = [BlockedBus(may_return), BlockedBus(may_return)]
    return buses, Writer(*buses)  # type: ignore[arg-type]


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_two_lanes_share_a_crowd_but_not_a_few_commands() -> None:
    may_return = Event()
    (first, second), writer = blocked_lanes(may_return)
    ledger = LedgerFixture(MemoryLog())
    for _ in range(100):
        writer.submit(envelope(ledger.create()), lambda _: None)
    writer.start()
    wait_until(lambda: len(BlockedBus.in_lanes) == 2)
    few = [writer.submit(envelope(ledger.create()), lambda _: None) for _ in range(5)]
    may_return.set()
    writer.stop()

    assert sum(first.sizes + second.sizes) == 105
    assert max(first.sizes) >= 32
    assert max(second.sizes) >= 32
    assert few == [False] * 5


def test_two_lanes_never_hold_commands_that_write_the_same_stream() -> None:
    may_return = Event()
    (first, second), writer = blocked_lanes(may_return)
    ledger = LedgerFixture(MemoryLog())
    hot, cold = uuid7(), [uuid7() for _ in range(3)]
    for number in range(400):
        wallet = hot if number % 2 else cold[number % 3]
        pay = ledger.pay(uuid7(), wallet, "clm_x")
        writer.submit(envelope(pay), lambda _: None)
    writer.start()
    wait_until(lambda: BlockedBus.in_lanes)
    may_return.set()
    writer.stop()

    assert sum(first.sizes + second.sizes) == 400
    assert first.clashes + second.clashes == 0
