"""The two accounts of a wallet."""

from __future__ import annotations

from enum import StrEnum


class WalletAccount(StrEnum):
    """Where money of a wallet is."""

    AVAILABLE = "available"
    """It can be spent."""
    HELD = "held"
    """It is reserved for a payment whose processor has not responded yet."""
