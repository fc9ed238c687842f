"""The health of the ledger, as readiness checks and metrics report it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from application.clock_guard import ClockState

LAG_SECONDS_MAX: Final = 2.0
"""The ledger is not ready while a read model is further behind the log than this."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far one read model is behind the log."""

    name: str
    position: int
    events: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The health of the ledger at one moment, as stored in its database."""

    position: int
    """The last position of the log."""
    lags: Sequence[Lag]
    loops: Mapping[str, bool]
    """The worker's loops by name; true if an error has halted the loop."""
    clock: ClockState

    @property
    def unready(self) -> list[str]:
        """The reasons why the ledger is not ready; empty if it is ready."""
        reasons = []
        if self.clock.doubt:
            reasons.append(f"the database's clock is in doubt, {self.clock.doubt}")
        reasons += [f"{name} is halted" for name, is_halted in self.loops.items() if is_halted]
        for lag in self.lags:
            if lag.seconds > LAG_SECONDS_MAX:
                reasons.append(f"{lag.name} is {lag.events} events and {lag.seconds:.1f} s behind")
        return reasons
