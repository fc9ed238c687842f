"""Whose books a caller may read, and the positions that a request names."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, UnsetType

from api import blocking
from api.http.fields import MerchantId
from api.http.identity import CallerRole
from api.http.operation import Call
from api.http.parsing import parse_time
from api.views.books import MERCHANT_ACCOUNTS
from application.errors import NotFound
from application.positions import position_of, reversed_bounds
from domain import ids
from domain.accounting import chart
from domain.errors import InvalidRequest
from domain.merchants.merchant import Merchant
from domain.wallets.wallet import Wallet

READERS: Final = frozenset({CallerRole.MERCHANT, CallerRole.AUDITOR, CallerRole.OPERATOR})
"""Who reads the books; a merchant its own accounts only."""
POSITION_MAX: Final = 2**62
AccountText = Annotated[str, Meta(min_length=1, max_length=chart.ACCOUNT_CHARS_MAX)]
PositionOrTime = Annotated[
    str, Meta(min_length=1, max_length=40, description="A position of the log, or an RFC 3339 time")
]
_POSITION = re.compile("0|[1-9][0-9]{0,18}")


async def merchant_of(call: Call, merchant: MerchantId | UnsetType) -> str:
    """The merchant whose books are asked for: the caller, or the one that others name.

    Raises (checked in this order):
        InvalidRequest: an auditor or operator names no merchant.
        NotFound: there is no such merchant, or it is not the caller.
    """
    if call.identity.role is CallerRole.MERCHANT:
        if merchant != call.identity.holder and not isinstance(merchant, UnsetType):
            raise NotFound(thing="merchant")
        return call.identity.holder
    if isinstance(merchant, UnsetType):
        raise InvalidRequest.of("merchant", "is missing")
    get = call.services.reader.get
    try:
        merchant_id = ids.decode("mer", merchant)
    except ValueError:
        raise NotFound(thing="merchant") from None
    await blocking.read(get, Merchant, merchant_id, "merchant")
    return merchant


async def readable_account(call: Call, account: str) -> None:
    """Check that the caller may read an account.

    Raises (checked in this order):
        InvalidRequest: no account of this name can exist.
        NotFound: its owner does not exist, or it is not the caller's.
    """
    kind, owner_id = chart.parse(account)
    if call.identity.role is CallerRole.MERCHANT:
        if kind.owner is not chart.Owner.MERCHANT or owner_id != call.identity.holder:
            raise NotFound(thing="account")
        return
    get = call.services.reader.get
    if kind.owner is chart.Owner.MERCHANT:
        await blocking.read(get, Merchant, ids.decode("mer", owner_id), "account")
    elif kind.owner is chart.Owner.WALLET:
        await blocking.read(get, Wallet, ids.decode("wal", owner_id), "account")


def own_accounts(merchant_id: str) -> list[str]:
    """The accounts of a merchant."""
    return [kind.of(merchant_id) for kind in MERCHANT_ACCOUNTS]


def parse_bound(name: str, value: str) -> int | datetime:
    """A bound of a range.

    Raises:
        InvalidRequest: neither a position nor an RFC 3339 time; names the parameter.
    """
    if not _POSITION.fullmatch(value):
        return parse_time(name, value)
    if int(value) > POSITION_MAX:
        raise InvalidRequest.of(name, f"must be at most {POSITION_MAX}")
    return int(value)


async def bound_position(call: Call, bound: int | datetime) -> int:
    """The position of a bound; the largest for a time that has not come."""
    found = await blocking.read(position_of, call.services.log, bound)
    return POSITION_MAX if found is None else found


async def read_range(call: Call, first: str | UnsetType, end: str | UnsetType) -> tuple[int, int]:
    """The positions of the parameters `from` and `to`, half open.

    Raises:
        InvalidRequest: one is neither a position nor a time, or they are reversed.
    """
    begin = 0 if isinstance(first, UnsetType) else parse_bound("from", first)
    stop = POSITION_MAX if isinstance(end, UnsetType) else parse_bound("to", end)
    if reversed_bounds(begin, stop):
        raise InvalidRequest.of("to", "is before `from`")
    return await bound_position(call, begin), await bound_position(call, stop)
