"""Whose books a caller may read, and the positions that a request names."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, UnsetType

from api import blocking
from api.http.fields import MerchantId
from api.http.identity import CallerRole
from api.http.messages import HttpResponse
from api.http.operation import Call
from api.http.parsing import Query, parse_time
from api.v1.responses import json_response
from api.views.books import MERCHANT_ACCOUNTS
from application.errors import Forbidden, NotFound
from application.positions import Moment, moment_of, position_of, reversed_bounds
from domain import ids
from domain.accounting import chart
from domain.errors import InvalidRequest
from domain.merchants.merchant import Merchant
from domain.wallets.wallet import Wallet

READERS: Final = frozenset({CallerRole.MERCHANT, CallerRole.AUDITOR, CallerRole.OPERATOR})
"""Who reads the books; a merchant its own accounts only."""
POSITION_MAX: Final = 2**62
AccountText = Annotated[str, Meta(min_length=1, max_length=chart.ACCOUNT_CHARS_MAX)]
AT: Final = (
    "`at` is a position, whose event is included, or a time, before which everything recorded is: "
    "the answer is how it stood then, for ever the same, and names the position."
)
PositionOrTime = Annotated[
    str,
    Meta(min_length=1, max_length=40, description="A position of the log, or an RFC 3339 time."),
]
_POSITION = re.compile("0|[1-9][0-9]{0,18}")


class AtQuery(Query):
    """When, if not now."""

    at: PositionOrTime | UnsetType = UNSET


def only_auditors(call: Call, at: str) -> str:
    """The parameter `at`, which is for auditors.

    Raises:
        Forbidden: the caller is none.
    """
    if call.identity.role is not CallerRole.AUDITOR:
        raise Forbidden(reason="Only auditors may ask how it stood in the past")
    return at


def at_response(view: Any, moment: Moment) -> HttpResponse:
    """How something stood; the response names the position."""
    return json_response(view, headers={"Ledger-Position": str(moment.position)})


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


async def read_moment(call: Call, at: str) -> Moment:
    """The moment of the parameter `at`.

    Raises:
        InvalidRequest: neither a position nor a time of the log's past.
    """
    return await blocking.read(moment_of, call.services.log, parse_bound("at", at))


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
