"""Types of the fields in request bodies, query parameters and responses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from domain import text
from domain.money.currencies import CURRENCIES


def typeid(prefix: str) -> Meta:
    """The constraint of a public TypeID with a prefix, such as `ps`."""
    return Meta(
        pattern=rf"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$(?!\n)",
        extra={"must": f"must be an id: {prefix}_ and 26 lower-case letters and digits"},
    )


def text_length(min_length: int, max_length: int) -> Meta:
    """The constraint of a text field, in characters.

    `decode_body` checks that its characters are acceptable (`domain.text`); only the schema has the
    pattern.
    """
    pattern = {"pattern": text.PATTERN}
    return Meta(min_length=min_length, max_length=max_length, extra_json_schema=pattern)


SessionId = Annotated[str, typeid("ps")]
ClaimId = Annotated[str, typeid("clm")]
WalletId = Annotated[str, typeid("wal")]
MerchantId = Annotated[str, typeid("mer")]
RefundId = Annotated[str, typeid("ref")]
QuoteId = Annotated[str, typeid("quo")]
StaticCodeId = Annotated[str, typeid("sc")]
PayoutId = Annotated[str, typeid("pay")]
AttemptId = Annotated[str, typeid("att")]
EventId = Annotated[str, typeid("evt")]
EndpointId = Annotated[str, typeid("whe")]
DeliveryId = Annotated[str, typeid("whd")]
PushSubscriptionId = Annotated[str, typeid("psh")]

OrderId = Annotated[str, text_length(1, 64)]
ShortText = Annotated[str, text_length(1, 80)]
Description = Annotated[str, text_length(0, 200)]
MetadataKey = Annotated[str, text_length(1, 40)]
MetadataValue = Annotated[str, text_length(0, 500)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=20)]
Url = Annotated[str, text_length(1, 2000)]

CurrencyCode: Any = Literal[tuple(sorted(c.code for c in CURRENCIES.values() if not c.withdrawn))]
"""An ISO 4217 code in use."""
KnownCurrencyCode: Any = Literal[tuple(sorted(CURRENCIES))]
"""An ISO 4217 code, in use or withdrawn: amounts of the past are still listed."""

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time in a response: RFC 3339 in UTC with microseconds."""
TimeText = Annotated[str, Meta(max_length=40, extra_json_schema={"format": "date-time"})]
"""A time in a request: RFC 3339 with an offset."""

Limit = Annotated[int, Meta(ge=1, le=100)]
"""The maximum number of items on a page of a list."""
Position = Annotated[int, Meta(ge=0, le=2**62)]
"""A position in the log."""
