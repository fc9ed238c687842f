"""A merchant's fees: basis points and a fixed part, fixed when a session is created."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import InvalidRequest
from domain.money.money import Money, check_range

BASIS_POINTS: Final = 10_000
"""The whole, in basis points."""


class FeeRefundPolicy(StrEnum):
    """What happens to the fee when a payment is refunded."""

    PROPORTIONAL = "proportional"
    """The merchant gets back the refunded share of the fee."""
    KEPT = "kept"
    """The house keeps the fee; a sole payment then cannot be refunded in full from itself."""


@dataclass(frozen=True, slots=True)
class Fee:
    """The fee of one session, fixed when it is created."""

    minor: int
    """In the session's currency."""
    refund_policy: FeeRefundPolicy


NO_FEE: Final = Fee(0, FeeRefundPolicy.PROPORTIONAL)


@dataclass(frozen=True, slots=True)
class FeePlan:
    """How fees are computed: a share of the amount, and a fixed part."""

    basis_points: int = 0
    """Hundredths of a percent, 0 to 10,000."""
    fixed_minor: int = 0
    """Minor units of the session's currency."""
    refund_policy: FeeRefundPolicy = FeeRefundPolicy.PROPORTIONAL

    def fee(self, amount: Money) -> Fee:
        """The fee for an amount: the share rounded half up, plus the fixed part, at most all."""
        doubled = 2 * amount.minor * self.basis_points
        share = (doubled + BASIS_POINTS) // (2 * BASIS_POINTS)
        return Fee(min(amount.minor, share + self.fixed_minor), self.refund_policy)

    def check(self) -> None:
        """Check the parts of the plan.

        Raises (checked in this order):
            InvalidRequest: the basis points or the fixed part is out of range.
        """
        if not 0 <= self.basis_points <= BASIS_POINTS:
            raise InvalidRequest.of("basis_points", f"must be from 0 to {BASIS_POINTS}")
        if self.fixed_minor:
            check_range(self.fixed_minor, name="fixed")


NO_PLAN: Final = FeePlan()
