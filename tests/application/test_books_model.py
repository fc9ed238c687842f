"""The books against a simple model, in random steps (Hypothesis)."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.books_machine import BooksMachine
from tests.support.machine import Ledger
from tests.support.memory_log import MemoryLog


class _MemoryLedger(Ledger):
    def __init__(self) -> None:
        self.memory = self.log = MemoryLog()

    def advance(self, seconds: float) -> None:
        self.memory.advance(seconds)


class MemoryMachine(BooksMachine):
    """The state machine test on a log in memory."""

    def make_ledger(self) -> Ledger:
        return _MemoryLedger()


def test_books_in_memory_are_those_of_the_model() -> None:
    run_state_machine_as_test(
        MemoryMachine, settings=settings(max_examples=100, stateful_step_count=50)
    )
