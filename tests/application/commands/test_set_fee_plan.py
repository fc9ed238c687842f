"""SetFeePlan: recorded when it changes something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from application.commands.set_fee_plan import SetFeePlan
from domain.merchants.fee_plan import FeePlan, FeeRefundPolicy
from domain.merchants.merchant import Merchant
from tests.support.given import HOLDERS, MERCHANT_ID, NOBODY, event, given, refused

SET = SetFeePlan(
    merchant_id=MERCHANT_ID, currency="USD", plan=FeePlan(75, 30, FeeRefundPolicy.KEPT)
)


def test_a_plan_is_recorded_and_the_same_plan_again_is_not() -> None:
    scenario = given(*HOLDERS).when(SET)

    scenario.then(
        event(
            Merchant.PlanChanged, MERCHANT_ID,
            currency="USD", basis_points=75, fixed_minor=30, fee_refund_policy="kept",
        )
    )  # fmt: skip
    scenario.when(SET).then()
    assert scenario.subject.plans == {"USD": SET.plan}


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (replace(SET, plan=FeePlan(10_001)), "basis_points"),
        (replace(SET, plan=FeePlan(-1)), "basis_points"),
        (replace(SET, plan=FeePlan(0, -1)), "fixed.minor"),
        (replace(SET, plan=FeePlan(0, 10**12)), "fixed.minor"),
        (replace(SET, currency="HRK"), "currency"),
        (replace(SET, currency="usd"), "currency"),
    ],
)
def test_a_bad_plan_is_refused_by_the_name_of_its_field(command: SetFeePlan, field: str) -> None:
    given(*HOLDERS).when(command).then_invalid(field)


def test_an_unknown_merchant_is_not_found() -> None:
    given(*HOLDERS).when(replace(SET, merchant_id=NOBODY)).then(
        refused("not-found", thing="merchant")
    )
