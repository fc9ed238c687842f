"""How responses present receipts: which there are, and whether they are ready."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from api.http.fields import Time
from api.views.money import MoneyView


class ReceiptView(Struct, frozen=True, kw_only=True):
    """A receipt that the caller may have."""

    object: Literal["receipt"] = "receipt"
    livemode: bool
    of: Literal["payment", "refund"]
    id: str
    """Of the session or the refund."""
    amount: MoneyView
    """What it proves: for the payer in the wallet's currency."""
    recorded_at: Time
    sealed: bool
    """Whether `url` answers with it now; otherwise it will within seconds."""
    url: str
    """The address of the `.tlog-proof`."""
