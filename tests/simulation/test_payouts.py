"""Seeds of the simulation with payouts: each ends as the bank has decided, once."""

from __future__ import annotations

from collections import Counter

from tests.simulation.payouts import simulate_payouts


def test_payouts_are_right_after_faults() -> None:
    ended: Counter[str] = Counter()

    for seed in range(1, 7):
        report, statuses = simulate_payouts(seed)
        assert report.violations == [], seed
        ended += statuses

    assert set(ended) == {"settled", "returned"}
    assert sum(ended.values()) > 20
