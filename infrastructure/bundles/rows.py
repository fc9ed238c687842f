"""Receipts and rows of read models as lines of JSON. Every member of a line is compared.

A line has exactly these members; of a read model only the columns that follow from the events, so
that nothing in a bundle is unproven.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from application.event_log import Receipt

NO_PRINT: Final = b"-"
"""In place of the fingerprint of a request, which no event proves and no bundle has."""


Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a member."""


class ReceiptLine(Line, frozen=True, forbid_unknown_fields=True):
    """The receipt of a command: what of it follows from its events. Null if it recorded none."""

    command_id: UUID
    first_position: int | None
    last_position: int | None
    recorded_at: Instant


class SessionRow(Line, frozen=True, forbid_unknown_fields=True):
    """`sessions`."""

    session_id: UUID
    merchant_id: str
    order_id: str
    amount_minor: int
    currency: str
    expires_at: Instant
    status: str
    version: int
    position: int
    fee_minor: int
    refunded_minor: int
    disputed_minor: int
    flags_json: str
    paid_wallet_id: str | None
    payer_amount_minor: int | None
    payer_currency: str | None
    payer_exponent: int | None
    spread_minor: int | None


class WalletPaymentRow(Line, frozen=True, forbid_unknown_fields=True):
    """`wallet_payments`."""

    session_id: str
    wallet_id: str
    merchant_id: str
    amount_minor: int
    currency: str
    position: int


class BalanceRow(Line, frozen=True, forbid_unknown_fields=True):
    """`balances`."""

    account: str
    currency: str
    exponent: int
    balance_minor: int
    earned_minor: int


class PayoutRow(Line, frozen=True, forbid_unknown_fields=True):
    """`payouts`."""

    payout_id: str
    merchant_id: str
    amount_minor: int
    currency: str
    exponent: int
    destination: str
    status: str
    position: int


class RefundRow(Line, frozen=True, forbid_unknown_fields=True):
    """`refunds`."""

    refund_id: UUID
    session_id: UUID
    begun_position: int
    position: int
    is_open: bool
    unresolved: bool


class AttemptRow(Line, frozen=True, forbid_unknown_fields=True):
    """`attempts`."""

    attempt_id: UUID
    session_id: UUID
    begun_position: int
    position: int
    is_open: bool
    unresolved: bool


class StaticCodeRow(Line, frozen=True, forbid_unknown_fields=True):
    """`static_codes`."""

    static_code_id: str
    merchant_id: str
    currency: str
    position: int
    is_revoked: bool

    @property
    def revoked_at(self) -> bool | None:
        """Not None if the code is revoked, as the check of the rows asks."""
        return self.is_revoked or None


class JournalLine(Line, frozen=True, forbid_unknown_fields=True):
    """`journal`."""

    position: int
    no: int
    recorded_at: Instant
    type: str
    stream_id: UUID
    account: str
    side: Literal["debit", "credit"]
    minor: int
    currency: str
    exponent: int
    balance_minor: int
    event_id: UUID


ROWS: Final[Mapping[str, type[Line]]] = {
    "sessions": SessionRow,
    "wallet_payments": WalletPaymentRow,
    "balances": BalanceRow,
    "payouts": PayoutRow,
    "refunds": RefundRow,
    "attempts": AttemptRow,
    "static_codes": StaticCodeRow,
    "journal": JournalLine,
}
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "sessions": ("session_id",),
    "wallet_payments": ("session_id",),
    "balances": ("account", "currency"),
    "payouts": ("payout_id",),
    "refunds": ("refund_id",),
    "attempts": ("attempt_id",),
    "static_codes": ("static_code_id",),
    "journal": ("position", "no"),
}
"""What identifies a row, and the order of the lines."""
_EXPRESSIONS: Final = {"is_revoked": "revoked_at is not null as is_revoked"}
encode: Final = msgspec.json.Encoder().encode
DECODERS: Final = {name: msgspec.json.Decoder(kind) for name, kind in ROWS.items()}
RECEIPTS: Final = msgspec.json.Decoder(ReceiptLine)


def query(name: str) -> str:
    """The statement that reads a read model's rows in the order of the lines."""
    columns = ", ".join(_EXPRESSIONS.get(one, one) for one in ROWS[name].__struct_fields__)
    order = ", ".join(f'{one} collate "C"' if one in _TEXT_KEYS else one for one in KEYS[name])
    return f"select {columns} from read_models.{name} order by {order}"  # noqa: S608 - constants


_TEXT_KEYS: Final = frozenset({"account", "currency", "payout_id", "static_code_id"})


def encode_row(name: str, values: tuple[Any, ...]) -> bytes:
    """A row as a line, with its newline."""
    return encode(dict(zip(ROWS[name].__struct_fields__, values, strict=True))) + b"\n"


def encode_receipt(receipt: Receipt) -> bytes:
    """A receipt as a line, with its newline."""
    line = {name: getattr(receipt, name) for name in ReceiptLine.__struct_fields__}
    return encode(line) + b"\n"
