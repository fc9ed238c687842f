"""What the house measures about itself, without knowing who collects it."""

from __future__ import annotations

from typing import Protocol


class Metrics(Protocol):
    """Counters and timings of the write path and of the read models."""

    def batch_appended(self, *, commands: int, events: int, seconds: float) -> None:
        """One append, from call to verdicts."""
        ...

    def verdicts_given(self, kind: str, commands: int) -> None:
        """So many commands of a batch had this verdict."""
        ...

    def queue_depth(self, commands: int) -> None:
        """Commands waiting for the writer."""
        ...

    def clock_judged(self, *, in_doubt: bool) -> None:
        """Whether the database's clock could be believed when it was last asked."""
        ...

    def projected(self, *, name: str, events: int, position: int) -> None:
        """A read model took a page in."""
        ...


class NoMetrics:
    """Measures nothing."""

    def batch_appended(self, *, commands: int, events: int, seconds: float) -> None:
        """Nothing."""

    def verdicts_given(self, kind: str, commands: int) -> None:
        """Nothing."""

    def queue_depth(self, commands: int) -> None:
        """Nothing."""

    def clock_judged(self, *, in_doubt: bool) -> None:
        """Nothing."""

    def projected(self, *, name: str, events: int, position: int) -> None:
        """Nothing."""
