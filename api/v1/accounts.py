"""Whose books a caller may read, and the positions that a request names."""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta, UnsetType

from api import blocking
from api.http.fields import MerchantId
from api.http.identity import CallerRole
from api.http.operation import Call
from api.http.parsing import parse_time
from api.views.books import MERCHANT_ACCOUNTS
from application.errors import NotFound
from application.positions import first_position_at
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


async def read_position(call: Call, name: str, value: str) -> int:
    """The position that a parameter names; for a time, the first position recorded then or later.

    Raises:
        InvalidRequest: neither a position nor an RFC 3339 time; names the parameter.
    """
    if _POSITION.fullmatch(value):
        if int(value) > POSITION_MAX:
            raise InvalidRequest.of(name, f"must be at most {POSITION_MAX}")
        return int(value)
    at = parse_time(name, value)
    found = await blocking.read(first_position_at, call.services.log, at)
    return POSITION_MAX if found is None else found
