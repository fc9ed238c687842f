"""Measurements of the write path and the read models."""

from __future__ import annotations

from typing import Protocol


class Metrics(Protocol):
    """Counters and timings of the write path and of the read models."""

    def batch_appended(self, *, commands: int, events: int, seconds: float) -> None:
        """One append: its size and its duration."""
        ...

    def verdicts_given(self, kind: str, commands: int) -> None:
        """How many commands of a batch had this verdict."""
        ...

    def queue_depth(self, commands: int) -> None:
        """How many commands wait in the queue."""
        ...

    def refusal_settled(self, outcome: str) -> None:
        """What became of a refusal: one of `application.refusals.OUTCOMES`."""
        ...

    def clock_judged(self, *, in_doubt: bool) -> None:
        """Whether the database's clock was in doubt when it was last read."""
        ...

    def projected(self, *, name: str, events: int, position: int) -> None:
        """A read model has applied a page of events and is at this position."""
        ...

    def tasks_settled(self, *, process: str, outcome: str, tasks: int) -> None:
        """Tasks of a process that had this outcome: done, retried, parked, refused or lost.

        Refused: the ledger finally refused a command of the task. Lost: the lease had ended.
        """
        ...


class NoMetrics:
    """Measures nothing."""

    def batch_appended(self, *, commands: int, events: int, seconds: float) -> None:
        """Does nothing."""

    def verdicts_given(self, kind: str, commands: int) -> None:
        """Does nothing."""

    def queue_depth(self, commands: int) -> None:
        """Does nothing."""

    def refusal_settled(self, outcome: str) -> None:
        """Does nothing."""

    def clock_judged(self, *, in_doubt: bool) -> None:
        """Does nothing."""

    def projected(self, *, name: str, events: int, position: int) -> None:
        """Does nothing."""

    def tasks_settled(self, *, process: str, outcome: str, tasks: int) -> None:
        """Does nothing."""
