"""Our accounts in the names of other programs, and back.

Each name starts with the root that those programs know the account's kind by. Beancount's parts
start with a capital and have no underscore, so `in_transit` is `In-transit` there.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from domain.accounting import chart
from domain.accounting.chart import Kind

CACHE_SIZE_MAX: Final = 16_384
ROOTS: Final = {
    Kind.ASSET: "Assets",
    Kind.LIABILITY: "Liabilities",
    Kind.INCOME: "Income",
    Kind.EXPENSE: "Expenses",
    Kind.EQUITY: "Equity",
    Kind.CLEARING: "Equity",
}
"""The programs have five roots; the clearing account is with the equity, as their manuals advise
for trading accounts."""


@lru_cache(CACHE_SIZE_MAX)
def to_beancount(account: str) -> str:
    """An account in Beancount, such as `Liabilities:Merchant:Mer-01h…:Payable`."""
    parts = [part[0].upper() + part[1:].replace("_", "-") for part in account.split(":")]
    return ":".join([_root(account), *parts])


def from_beancount(name: str) -> str:
    """The account of a name in Beancount."""
    _, *parts = name.split(":")
    return ":".join(part[0].lower() + part[1:].replace("-", "_") for part in parts)


@lru_cache(CACHE_SIZE_MAX)
def to_ledger(account: str) -> str:
    """An account in Ledger and hledger, such as `liabilities:merchant:mer_01h…:payable`."""
    return f"{_root(account).lower()}:{account}"


def from_ledger(name: str) -> str:
    """The account of a name in Ledger or hledger."""
    return name.partition(":")[2]


def _root(account: str) -> str:
    kind, _ = chart.parse(account)
    return ROOTS[kind.kind]
