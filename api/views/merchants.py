"""How responses present merchants."""

from __future__ import annotations

from msgspec import Struct

from api.http.fields import MerchantId


class MerchantView(Struct, frozen=True):
    """The payee, for key holders."""

    id: MerchantId
    name: str


class PayeeView(Struct, frozen=True):
    """The payee, for the public."""

    name: str
