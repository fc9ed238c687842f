"""The batching writer: bounded, in order, and every command gets its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event
from uuid import UUID

import pytest

from application.command import Outcome, Result
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
