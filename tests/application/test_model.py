"""Sessions and wallets against a simple model, in random steps (Hypothesis)."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.machine import Ledger, LedgerMachine
from tests.support.memory_log import MemoryLog


class _MemoryLedger(Ledger):
    def __init__(self) -> None:
        self.memory = self.log = MemoryLog()

    def advance(self, seconds: float) -> None:
        self.memory.advance(seconds)


class MemoryMachine(LedgerMachine):
    """The state machine test on a log in memory."""

    def make_ledger(self) -> Ledger:
        return _MemoryLedger()


def test_a_ledger_in_memory_does_what_the_model_does() -> None:
    run_state_machine_as_test(
        MemoryMachine, settings=settings(max_examples=60, stateful_step_count=40)
    )
