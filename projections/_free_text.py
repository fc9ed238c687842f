"""Which columns of read models hold free text (see `domain/personal_data.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FREE_TEXT: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "sessions": {
            "merchant_name": "merchant_name",
            "order_id": "order_id",
            "description": "description",
            "return_url": "return_url",
            "metadata_json": "metadata",
            "metadata": "metadata",
        },
        "wallet_payments": {"merchant_name": "merchant_name"},
        "static_codes": {
            "merchant_name": "merchant_name",
            "label": "label",
            "payloads": "payloads",
        },
        "payouts": {
            "destination": "destination",
            "reason": "reason",
            "bank_reference": "bank_reference",
        },
    }
)
"""By read model: the columns, and the member of an event that each is made from."""

CLOSED_NAMES: Final = frozenset(
    [
        "account", "claim_app_id", "claim_id", "claim_wallet_id", "currency", "flags_json",
        "funding", "key_id", "merchant_id", "paid_attempt_id", "paid_claim_id",
        "paid_wallet_id", "payer_currency", "payout_id", "quote_id", "session_id", "side",
        "static_code_id", "status", "type", "wallet_app_id", "wallet_id",
    ]
)  # fmt: skip
"""Columns that never hold free text, in any read model."""
