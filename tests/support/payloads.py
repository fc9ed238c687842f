"""The fields of events that most tests do not care about."""

from __future__ import annotations

from typing import Any

NO_FEE: dict[str, Any] = {
    "fee_minor": 0,
    "fee_refund_policy": "proportional",
    "callback_url": None,
    "static_code_id": None,
}
"""Of a session that is created without a fee."""


def from_balance(amount_minor: int, currency: str = "USD", exponent: int = 2) -> dict[str, Any]:
    """Of a payment from a wallet's balance, in the session's currency and without a fee."""
    return {
        "funding": "wallet",
        "source": "available",
        "attempt_id": None,
        "processor": None,
        "amount_minor": amount_minor,
        "currency": currency,
        "exponent": exponent,
        "fee_minor": 0,
        "payer_amount_minor": amount_minor,
        "payer_currency": currency,
        "payer_exponent": exponent,
        "spread_minor": 0,
        "quote_id": None,
    }
