"""Strict parsing of requests; every error names the field.

There is no coercion (`"5"` and `5.0` are not the integer 5), there are no unknown fields, and every
text must be acceptable (`domain.text`), including the keys of objects and query parameters.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import Meta, UnsetType

from api.http import validation
from api.http.errors import UnsupportedMediaType
from api.http.fields import CurrencyCode
from api.http.messages import HttpRequest
from application.errors import NotFound
from domain import ids, text, times
from domain.errors import InvalidRequest
from domain.money.money import AMOUNT_MINOR_MAX, Money, check_amount

KEY_CHARS_MAX: Final = 255

T = TypeVar("T")


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base class of request bodies; unknown fields are refused by name."""


class Query(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base class of query parameters; unknown parameters are refused by name."""


class MoneyBody(Body):
    """An amount in minor units."""

    minor: Annotated[int, Meta(ge=1, le=AMOUNT_MINOR_MAX)]
    currency: CurrencyCode

    def to_money(self, name: str = "amount") -> Money:
        """The amount.

        Raises:
            InvalidRequest: the currency is unknown or withdrawn.
        """
        return check_amount(self.minor, self.currency, name=name)


def none_if_unset(value: T | UnsetType) -> T | None:
    """A query parameter, or None if it was left out.

    The structs hold `UNSET` for a parameter that was left out: with None in its type, a parameter
    would accept the text `null`.
    """
    return None if isinstance(value, UnsetType) else value


async def read_body(request: HttpRequest, kind: type[T]) -> T:
    """Read and decode the body as a struct.

    Raises (checked in this order):
        BodyTooLarge: more than 16 KiB.
        UnsupportedMediaType: not `application/json`.
        InvalidRequest: missing, not JSON, not UTF-8, too deep, or with an invalid field.
    """
    return decode_body(request, await request.body(), kind)


def decode_body(request: HttpRequest, raw: bytes, kind: type[T]) -> T:
    """Decode a body that has been read.

    Raises (checked in this order):
        UnsupportedMediaType: not `application/json`.
        InvalidRequest: missing, not JSON, not UTF-8, too deep, or with an invalid field.
    """
    content_type = request.header(b"content-type") or ""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json":
        if raw or media_type:
            raise UnsupportedMediaType(media_type=media_type[:80] or "nothing")
        raise InvalidRequest.of("body", "is missing")
    struct = cast("type[msgspec.Struct]", kind)
    try:
        if _SUSPICIOUS.search(raw):
            _check_texts(raw, struct)
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        raise _refuse_body(raw, struct) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidRequest.of("body", f"is not JSON in UTF-8{_place(error)}") from None
    except RecursionError:
        raise InvalidRequest.of("body", "is nested too deeply") from None


_SUSPICIOUS: Final = re.compile(rb"\\[ubfnrt]|\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")
"""Matches every JSON document that contains an unacceptable character, and few others."""


def _check_texts(raw: bytes, kind: type[msgspec.Struct]) -> None:
    """Check every text of a body; if one is not acceptable, name every mistake of the body.

    Only the standard library's decoder keeps a lone surrogate, so that its field can be named. Any
    other error of JSON is left to the strict decoder, which runs next.
    """
    try:
        value = json.loads(raw)
    except ValueError:
        return
    if next(text.mistakes("", value), None) is not None:
        raise validation.refuse(value, kind, validation.BODY)


def _refuse_body(raw: bytes, kind: type[msgspec.Struct]) -> InvalidRequest:
    """Name every mistake of a body that is JSON, but not the struct."""
    try:
        return validation.refuse(msgspec.json.decode(raw), kind, validation.BODY)
    except msgspec.DecodeError as error:  # behind the first mistake: not JSON either
        return InvalidRequest.of("body", f"is not JSON in UTF-8{_place(error)}")
    except RecursionError:
        return InvalidRequest.of("body", "is nested too deeply")


def _place(error: Exception) -> str:
    """Where a document stops being JSON, if the decoder says so."""
    found = _BYTE.search(str(error))
    return f"; see byte {found[1]}" if found else ""


_BYTE: Final = re.compile(r"\(byte ([0-9]+)\)")


def read_query(request: HttpRequest, kind: type[T] | None) -> T | None:
    """The query parameters as a struct; no parameter is accepted if `kind` is None.

    Raises:
        InvalidRequest: a parameter is unknown, repeated, not acceptable text, or out of range; or
            there are too many.
    """
    try:
        pairs = request.query
    except ValueError:
        raise InvalidRequest.of("query", "has too many parameters") from None
    if kind is None:
        if pairs:
            raise InvalidRequest.of(pairs[0][0][:80], "is not a parameter of this request")
        return None
    struct = cast("type[msgspec.Struct]", kind)
    shape = validation.query_shape(struct)
    values: dict[str, Any] = {}
    for name, value in pairs:
        text.check("query", name)
        text.check(name, value)
        member = _MEMBER.fullmatch(name)
        if name in shape.lists:
            values.setdefault(name, []).append(value)
        elif name in shape.maps:
            raise InvalidRequest.of(name, f"must be given as {name}[key]=value")
        elif member is not None and member[1] in shape.maps:
            _put(values.setdefault(member[1], {}), member[2], value, name)
        else:
            _put(values, name, value, name)
    written = [values.get(name, "0") for name in validation.integer_fields(struct)]
    if not all(validation.WHOLE_NUMBER.fullmatch(number) for number in written):
        raise validation.refuse(values, struct, validation.QUERY)
    try:
        return msgspec.convert(values, kind, strict=False, str_keys=True)
    except msgspec.ValidationError:
        raise validation.refuse(values, struct, validation.QUERY) from None


_MEMBER: Final = re.compile(r"([a-z_]{1,40})\[(.{1,200})\]", re.DOTALL)
"""One member of a map in a query: `metadata[key]`."""


def _put(values: dict[str, Any], key: str, value: str, name: str) -> None:
    if key in values:
        raise InvalidRequest.of(name[:80], "is given twice")
    values[key] = value


@dataclass(frozen=True, slots=True)
class PathId:
    """Marks a path parameter as a public TypeID with a prefix."""

    prefix: str


SessionPathId = Annotated[UUID, PathId("ps")]
WalletPathId = Annotated[UUID, PathId("wal")]
PayoutPathId = Annotated[UUID, PathId("pay")]
StaticCodePathId = Annotated[UUID, PathId("sc")]
RefundPathId = Annotated[UUID, PathId("ref")]
EndpointPathId = Annotated[UUID, PathId("whe")]
DeliveryPathId = Annotated[UUID, PathId("whd")]
PushSubscriptionPathId = Annotated[UUID, PathId("psh")]


def path_id(prefix: str, value: str) -> UUID:
    """The id in a path.

    Raises:
        NotFound: not a TypeID with this prefix, so nothing has this id.
    """
    try:
        return ids.decode(prefix, value)
    except ValueError:
        raise NotFound(thing=ids.PREFIXES[prefix]) from None


def parse_time(name: str, value: str) -> datetime:
    """The time in a query parameter.

    Raises:
        InvalidRequest: not an RFC 3339 time with an offset; names the parameter.
    """
    try:
        if _RFC_3339.fullmatch(value):
            return times.from_text(value.upper())
    except ValueError:
        pass
    raise InvalidRequest.of(name, "is not an RFC 3339 time with an offset")


def optional_time(name: str, value: str | UnsetType) -> datetime | None:
    """The time in a query parameter; None if it was left out.

    Raises:
        InvalidRequest: see `parse_time`.
    """
    return None if isinstance(value, UnsetType) else parse_time(name, value)


_RFC_3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def parse_idempotency_key(header: str | None) -> str:
    """The key in an `Idempotency-Key` header, quoted (RFC 8941 string) or bare; empty for None.

    Raises:
        InvalidRequest: empty, longer than 255 characters, or not printable ASCII.
    """
    if header is None:
        return ""
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = re.sub(r"\\(.)", r"\1", key[1:-1])
    if not 1 <= len(key) <= KEY_CHARS_MAX or not (key.isascii() and key.isprintable()):
        reason = "must be 1 to 255 printable ASCII characters"
        raise InvalidRequest.of("Idempotency-Key", reason)
    return key
