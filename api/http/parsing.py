"""Reading what callers send: strictly, with the name of what is wrong.

No coercion (`"5"` and `5.0` are not the integer 5), no unknown fields, and acceptable text only
(`domain.text`): every text of every body, keys and values of maps too, and every query parameter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import Meta, UnsetType

from api.http.errors import UnsupportedMediaType
from api.http.fields import CurrencyCode
from api.http.messages import HttpRequest
from application.errors import NotFound
from domain import ids, text
from domain.errors import InvalidRequest
from domain.money.money import AMOUNT_MINOR_MAX, Money, check_amount

T = TypeVar("T")


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A request body: unknown fields are refused by name."""


class MoneyBody(Body):
    """An amount somebody asks for or pays, in minor units."""

    minor: Annotated[int, Meta(ge=1, le=AMOUNT_MINOR_MAX)]
    currency: CurrencyCode

    def to_money(self, name: str = "amount") -> Money:
        """The amount.

        Raises:
            InvalidRequest: the currency is unknown or withdrawn.
        """
        return check_amount(self.minor, self.currency, name=name)


class Query(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Query parameters: unknown ones are refused by name."""


def none_if_unset(value: T | UnsetType) -> T | None:
    """A query parameter, or None if it was left out.

    The structs hold `UNSET` for a parameter that was left out: with None in its type, a parameter
    would accept the text `null`.
    """
    return None if isinstance(value, UnsetType) else value


async def read_body(request: HttpRequest, kind: type[T]) -> T:
    """The body as the given struct.

    Raises (checked in this order):
        BodyTooLarge: more than 16 KiB.
        UnsupportedMediaType: not `application/json`.
        InvalidRequest: missing, not JSON, not UTF-8, too deep, or a field is wrong; names it.
    """
    return decode_body(request, await request.body(), kind)


def decode_body(request: HttpRequest, raw: bytes, kind: type[T]) -> T:
    """The same for a body that has been read."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        if raw or media_type:
            raise UnsupportedMediaType(media_type=media_type[:80] or "nothing")
        raise InvalidRequest.of("body", "is missing")
    try:
        if _SUSPICIOUS.search(raw):
            _check_texts(raw)
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _named(error) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidRequest.of("body", f"is not JSON in UTF-8 ({error})") from None
    except RecursionError:
        raise InvalidRequest.of("body", "is nested too deeply") from None


_SUSPICIOUS: Final = re.compile(rb"\\[ubfnrt]|\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")
"""What every JSON text with an unacceptable character has in its bytes: most bodies have it not."""


def _check_texts(raw: bytes) -> None:
    """Check every text of a body, as the caller wrote it.

    The standard library's reader is used, as it alone tells where a lone surrogate stands; what it
    cannot read is refused by the strict one, which reads next.
    """
    try:
        value = json.loads(raw)
    except ValueError:
        return
    text.check("", value)


def read_query(request: HttpRequest, kind: type[T] | None) -> T | None:
    """The query parameters as the given struct; None is for requests that have none.

    Raises:
        InvalidRequest: unknown, twice, too many, not acceptable text, or out of range; names it.
    """
    try:
        pairs = request.query
    except ValueError:
        raise InvalidRequest.of("query", "has too many parameters") from None
    if kind is None:
        if pairs:
            raise InvalidRequest.of(pairs[0][0][:80], "is not a parameter of this request")
        return None
    values: dict[str, str] = {}
    for name, value in pairs:
        text.check("query", name)
        text.check(name, value)
        if name in values:
            raise InvalidRequest.of(name[:80], "is given twice")
        values[name] = value
    for name in _numbers(cast("type[msgspec.Struct]", kind)) & values.keys():
        if not _NUMBER.fullmatch(values[name]):
            raise InvalidRequest.of(name, "must be a whole number in decimal digits")
    try:
        return msgspec.convert(values, kind, strict=False, str_keys=True)
    except msgspec.ValidationError as error:
        raise _named(error) from None


_NUMBER: Final = re.compile("0|-?[1-9][0-9]{0,18}")
"""`1e1`, `1.0`, `+1` and digits of other scripts are not numbers here."""


@lru_cache
def _numbers(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The parameters that are integers."""
    found = set()
    for field in msgspec.structs.fields(kind):
        kinds = msgspec.inspect.type_info(field.type)
        inner = kinds.types if isinstance(kinds, msgspec.inspect.UnionType) else (kinds,)
        if any(isinstance(one, msgspec.inspect.IntType) for one in inner):
            found.add(field.encode_name)
    return frozenset(found)


def path_id(prefix: str, values: Mapping[str, Any], name: str = "id") -> UUID:
    """An id from the address; one that cannot be ours is simply not found.

    Raises:
        NotFound: not such an id.
    """
    try:
        return ids.decode(prefix, str(values[name]))
    except ValueError:
        raise NotFound(thing=ids.PREFIXES[prefix]) from None


_FIELD = re.compile(r"(?:unknown|required) field `([^`]*)`")


def _named(error: msgspec.ValidationError) -> InvalidRequest:
    """Which field msgspec means, as the caller wrote it, and what is wrong with it."""
    text = str(error)
    reason, _, path = text.partition(" - at `")
    where = path.rstrip("`").removeprefix("$").removeprefix(".")
    field = _FIELD.search(reason)
    if field:
        where = f"{where}.{field.group(1)}" if where else field.group(1)
        reason = "is not a field of this request" if "unknown" in reason else "is missing"
    where = where.replace("key` in `$.", "key of ")
    return InvalidRequest.of(where[:200] or "body", reason[:200])
