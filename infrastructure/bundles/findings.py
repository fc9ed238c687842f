"""What a verification reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from application.checks.violation import Violation

HASHES: Final = frozenset({"leaf-hash", "tile-hash"})
FINDINGS_MAX: Final = 1000
"""Of one verification; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not proven: what was checked, where, and the smallest evidence."""

    check: str
    position: int
    """Of the first event concerned; 0 if it concerns none."""
    text: str
    evidence: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        at = f" at position {self.position}" if self.position else ""
        return f"{self.check}{at}: {self.text}"


class Findings:
    """Collects findings, at most `FINDINGS_MAX` of them."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.count = 0

    def add(self, check: str, text: str, position: int = 0, **evidence: Any) -> None:
        """Add a finding."""
        self.count += 1
        if len(self.found) < FINDINGS_MAX:
            self.found.append(Finding(check, position, text, evidence))

    def add_all(self, violations: Iterable[Violation]) -> None:
        """Add broken invariants of the log."""
        for one in violations:
            self.add(one.invariant, one.text, one.position)


@dataclass(slots=True)
class Report:
    """The result of a verification."""

    bundle: str
    origin: str = ""
    size: int = 0
    root: str = ""
    signers: list[str] = field(default_factory=list)
    witnesses: dict[str, int] = field(default_factory=dict)
    """The time of each cosignature, in seconds since 1970."""
    notes: list[dict[str, Any]] = field(default_factory=list)
    """The older notes, and whether the bundle continues each of them."""
    first: int = 0
    last: int = 0
    commands: int = 0
    read_models: dict[str, dict[str, int]] = field(default_factory=dict)
    interval: tuple[int, int] | None = None
    """Where the history was changed, if older notes show it and the tiles do not."""
    findings: list[Finding] = field(default_factory=list)
    findings_count: int = 0
    seconds: float = 0.0

    @property
    def is_proven(self) -> bool:
        """Whether everything was checked and nothing was found."""
        return self.findings_count == 0

    @property
    def first_bad(self) -> Finding | None:
        """The finding to look at first.

        A leaf that does not hash to its tile is where somebody has changed something; what rules
        find before it follows from that. Otherwise the one with the lowest position.
        """
        placed = [one for one in self.findings if one.position]
        hashes = [one for one in placed if one.check in HASHES]
        first = min(hashes or placed, key=lambda one: one.position, default=None)
        return first or (self.findings[0] if self.findings else None)

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        first = self.first_bad
        events = self.last - self.first + 1 if self.last else 0
        rate = round(events / self.seconds) if self.seconds else 0
        return {
            "is_proven": self.is_proven,
            "first_bad": asdict(first) if first else None,
            **asdict(self),
            "seconds": round(self.seconds, 3),
            "events_per_second": rate,
        }
