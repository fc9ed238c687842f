"""The chart of accounts. Every account exists once per currency.

An account is written as its name and, where it belongs to somebody, the owner's public id:
`merchant:mer_…:payable`, `wallet:wal_…:available`, `processor:stripe:receivable`, or just
`bank:safeguarded`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from domain import ids
from domain.errors import InvalidRequest

ACCOUNT_CHARS_MAX: Final = 80
ACCOUNTS_CACHED_MAX: Final = 16_384


class Side(StrEnum):
    """The side of a posting."""

    DEBIT = "debit"
    CREDIT = "credit"


class Kind(StrEnum):
    """The kind of an account, which determines its normal side."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"
    EQUITY = "equity"
    CLEARING = "clearing"
    """A trading account: the open position in a currency, with either sign."""

    @property
    def normal_side(self) -> Side:
        """The side that increases the balance."""
        debit = self in {Kind.ASSET, Kind.EXPENSE, Kind.CLEARING}
        return Side.DEBIT if debit else Side.CREDIT


class Owner(StrEnum):
    """Whom an account belongs to."""

    HOUSE = "house"
    MERCHANT = "merchant"
    WALLET = "wallet"
    PROCESSOR = "processor"


@dataclass(frozen=True, slots=True)
class AccountType:
    """One line of the chart of accounts."""

    name: str
    """With `*` in the place of the owner's id."""
    kind: Kind
    owner: Owner
    purpose: str
    never_negative: bool = False
    earns_by: tuple[str, ...] = ()
    """The topics of the events whose net credits are counted apart, because they only grow."""

    def of(self, owner_id: str = "") -> str:
        """The account of an owner, such as `merchant:mer_…:payable`."""
        return self.name.replace("*", owner_id) if owner_id else self.name


BANK: Final = AccountType(
    "bank:safeguarded", Kind.ASSET, Owner.HOUSE, "Client money at the bank", never_negative=True,
    earns_by=("wallet.topped_up", "settlement.received"),
)  # fmt: skip
RECEIVABLE: Final = AccountType(
    "processor:*:receivable", Kind.ASSET, Owner.PROCESSOR, "Captured, not yet settled to us"
)
AVAILABLE: Final = AccountType(
    "wallet:*:available",
    Kind.LIABILITY,
    Owner.WALLET,
    "What the payer can spend",
    never_negative=True,
)
HELD: Final = AccountType(
    "wallet:*:held",
    Kind.LIABILITY,
    Owner.WALLET,
    "Reserved for a payment in progress",
    never_negative=True,
)
PAYABLE: Final = AccountType(
    "merchant:*:payable", Kind.LIABILITY, Owner.MERCHANT, "What the merchant can be paid",
    earns_by=("payment_session.paid",),
)  # fmt: skip
RESERVED: Final = AccountType(
    "merchant:*:reserved",
    Kind.LIABILITY,
    Owner.MERCHANT,
    "Set aside for pending refunds",
    never_negative=True,
)
IN_TRANSIT: Final = AccountType(
    "merchant:*:in_transit",
    Kind.LIABILITY,
    Owner.MERCHANT,
    "Payouts on their way",
    never_negative=True,
)
SUSPENSE: Final = AccountType(
    "suspense",
    Kind.LIABILITY,
    Owner.HOUSE,
    "Captured money that is no session's payment",
    never_negative=True,
)
PROCESSOR_FEES: Final = AccountType(
    "processor:*:fees", Kind.EXPENSE, Owner.PROCESSOR, "What processors charge us"
)
DISPUTES: Final = AccountType(
    "disputes", Kind.EXPENSE, Owner.HOUSE, "Disputed money that its merchant had returned before"
)
FEES: Final = AccountType("fees", Kind.INCOME, Owner.HOUSE, "Fees charged to merchants")
FX_SPREAD: Final = AccountType("fx_spread", Kind.INCOME, Owner.HOUSE, "Spread paid by payers")
FX_CLEARING: Final = AccountType(
    "fx:clearing", Kind.CLEARING, Owner.HOUSE, "The open position between currencies"
)
EQUITY: Final = AccountType(
    "equity:house", Kind.EQUITY, Owner.HOUSE, "The house's own funds at the bank"
)

CHART: Final = (
    BANK, RECEIVABLE, AVAILABLE, HELD, PAYABLE, RESERVED, IN_TRANSIT, SUSPENSE, FEES, FX_SPREAD,
    PROCESSOR_FEES, DISPUTES, FX_CLEARING, EQUITY,
)  # fmt: skip
"""Every account type, in the order of a balance sheet."""

_BY_NAME = {account_type.name: account_type for account_type in CHART}
_OWNER_PREFIX = {Owner.MERCHANT: "mer", Owner.WALLET: "wal"}


@lru_cache(ACCOUNTS_CACHED_MAX)
def parse(text: str, *, field: str = "account") -> tuple[AccountType, str]:
    """The type of an account and its owner's id, empty for an account of the house.

    Raises:
        InvalidRequest: no account of this name can exist; names the field.
    """
    parts = text.split(":")
    if len(text) <= ACCOUNT_CHARS_MAX:
        if found := _BY_NAME.get(text):
            if found.owner is Owner.HOUSE:
                return found, ""
        elif len(parts) == 3:  # noqa: PLR2004 - owner, id, purpose
            found = _BY_NAME.get(f"{parts[0]}:*:{parts[2]}")
            if found is not None and _is_owner(found.owner, parts[1]):
                return found, parts[1]
    raise InvalidRequest.of(field, "is not an account of the chart of accounts")


def _is_owner(owner: Owner, owner_id: str) -> bool:
    prefix = _OWNER_PREFIX.get(owner)
    if prefix is None:
        return owner_id.isascii() and owner_id.isidentifier() and owner_id.islower()
    try:
        ids.decode(prefix, owner_id)
    except ValueError:
        return False
    return True
