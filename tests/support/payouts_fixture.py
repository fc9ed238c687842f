"""Merchants that can be paid out, over HTTP and in memory."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from application.commands.set_payout_terms import SetPayoutTerms
from domain import ids
from domain.merchants.payout_terms import PayoutTerms
from tests.support.api_fixture import ApiFixture

DESTINATION = "bank account 1"


def register_destination(api: ApiFixture, merchant: str, currency: str = "USD") -> None:
    """Let a merchant be paid out when it asks."""
    api.admin.send(
        SetPayoutTerms(
            merchant_id=ids.decode("mer", merchant),
            currency=currency,
            terms=PayoutTerms(DESTINATION),
        )
    )


def ask(api: ApiFixture, minor: int, who: str = "merchant", key: str = "", **facts: Any) -> Any:
    """Ask for a payout; returns the response."""
    body = {"amount": {"minor": minor, "currency": facts.pop("currency", "USD")}, **facts}
    return api.call(who, "POST", "/v1/payouts", body, key=key or str(uuid4()))
