"""The figures of a chaos run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.load import percentile


@dataclass
class Report:
    """What a run injected, what became of every request, and the violations found."""

    seed: int
    seconds: float
    clients: int
    faults: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    lost: int = 0
    """Acknowledged and not in the log."""
    phantom: int = 0
    """In the log and never acknowledged, although every request was resolved."""
    duplicate: int = 0
    """Sessions with more than one payment or refund, and quotes and payouts done twice."""
    refunds: int = 0
    paid_by_quote: int = 0
    payouts: int = 0
    indeterminate: int = 0
    """Requests that at least once got no final response."""
    had_committed: int = 0
    unresolved: int = 0
    contradicted: int = 0
    """Requests whose replayed response differs from the first one."""
    recovery: list[float] = field(default_factory=list)
    """Seconds from the beginning of each fault to the next acknowledgement."""
    drained_seconds: float = 0.0
    notices: int = 0
    expired: int = 0
    """Sessions that fell due during the run, each of which must have expired once."""
    violations: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report as text."""
        recovery = sorted(self.recovery) or [0.0]
        retried = self.indeterminate - self.had_committed - self.unresolved
        return [
            f"seed {self.seed}, {self.seconds:.0f} s of load by {self.clients} clients; faults: "
            + ", ".join(f"{count} x {kind}" for kind, count in self.faults.most_common()),
            (
                f"acknowledged {self.acknowledged}, lost {self.lost}, phantom {self.phantom}, "
                f"duplicate {self.duplicate}, contradicted {self.contradicted}"
            ),
            (
                f"among them {self.refunds} refunds, {self.paid_by_quote} payments in another "
                f"currency, {self.payouts} payouts"
            ),
            (
                f"indeterminate {self.indeterminate}: {self.had_committed} had committed, "
                f"{retried} were decided on a retry, {self.unresolved} were never resolved"
            ),
            (
                f"recovery after a fault: p50 {percentile(recovery, 0.5):.2f} s, "
                f"p99 {percentile(recovery, 0.99):.2f} s ({len(self.recovery)} faults)"
            ),
            (
                f"caught up {self.drained_seconds:.1f} s after the last fault; "
                f"{self.notices} live messages and {self.expired} expiries checked; {len(self.violations)} violations"
            ),
            *self.violations[:20],
        ]

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, invented, contradicted or left unresolved."""
        wrong = (self.lost, self.phantom, self.duplicate, self.unresolved, self.contradicted)
        return not any(wrong) and not self.violations
