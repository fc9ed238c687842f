"""What checks report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant: its name, the position in the log (0: none), and what was found."""

    invariant: str
    position: int
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} at position {self.position}: {self.text}"


class Violations:
    """Collects the violations of one pass over the log."""

    def __init__(self) -> None:
        self.position = 0
        """Of the event that is being checked."""
        self.found: list[Violation] = []

    def report(self, invariant: str, text: str, position: int | None = None) -> None:
        """Add a violation, at the current position unless another is given."""
        at = self.position if position is None else position
        self.found.append(Violation(invariant, at, text))
