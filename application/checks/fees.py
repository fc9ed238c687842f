"""Fees: computed again from the plan that was in force when the session was created."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from application.checks.violation import Violations
from application.event_log import Recorded
from domain import ids

Plan = tuple[int, int, str]
"""Basis points, fixed part, and what happens to the fee when a payment is refunded."""
NO_PLAN: Final[Plan] = (0, 0, "proportional")


class FeeCheck:
    """Follows the plans of merchants, and the fees of sessions."""

    follows: ClassVar[tuple[str, ...]] = (
        "merchant.plan_changed", "payment_session.created", "payment_session.paid",
    )  # fmt: skip

    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._plans: dict[tuple[str, str], list[tuple[datetime | None, Plan]]] = {}
        """By merchant and currency: when each plan was recorded, oldest first."""
        self._fees: dict[UUID, int] = {}
        """Fees above zero, of sessions."""

    def observe(self, recorded: Recorded, event: Any) -> None:
        """Check the next event."""
        if recorded.topic == "payment_session.created":
            self._created(recorded, event)
        elif recorded.topic == "payment_session.paid":
            fee = self._fees.get(recorded.stream_id, 0)
            if event.fee_minor != fee:
                text = f"paid with a fee of {event.fee_minor}, created with {fee}"
                self._violations.report("fees-by-plan", text)
        elif recorded.topic == "merchant.plan_changed":
            key = (ids.encode("mer", recorded.stream_id), event.currency)
            plan = (event.basis_points, event.fixed_minor, event.fee_refund_policy)
            history = self._plans.setdefault(key, [(None, NO_PLAN)])
            history.append((recorded.recorded_at, plan))

    def _created(self, recorded: Recorded, event: Any) -> None:
        if event.fee_minor:
            self._fees[recorded.stream_id] = event.fee_minor
        history = self._plans.get((event.merchant_id, event.currency))
        stated = (event.fee_minor, event.fee_refund_policy)
        if history is None:
            if stated != (0, NO_PLAN[2]):
                self._violations.report("fees-by-plan", f"{stated} without a plan")
            return
        expected = []
        # The merchant is read, not written: a plan may be recorded between the decision and the
        # append, so plans that were replaced since the decision are accepted too.
        for since, plan in reversed(history):
            expected.append(_fee(plan, event.amount_minor))
            if since is None or since < event.timestamp:
                break
        if stated not in expected:
            text = f"{stated} of {event.amount_minor}, by the plan {expected[0]}"
            self._violations.report("fees-by-plan", text)


def _fee(plan: Plan, amount_minor: int) -> tuple[int, str]:
    """The fee of an amount: the share rounded half up, plus the fixed part, at most the amount."""
    basis_points, fixed_minor, policy = plan
    share = (amount_minor * basis_points + 5_000) // 10_000
    return min(amount_minor, share + fixed_minor), policy
