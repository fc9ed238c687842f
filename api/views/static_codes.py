"""How responses present static codes, to their merchant and to payers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from api.http.fields import CurrencyCode, StaticCodeId, Time
from api.views.merchants import MerchantView
from api.views.money import MoneyView, money_view
from domain import times
from domain.money.money import Money
from domain.static_codes.terms import Terms


class PayloadsView(Struct, frozen=True):
    """The signed texts, one for each format that was asked for."""

    url: str | None
    emv: str | None


class CodePicturesView(Struct, frozen=True):
    """Where the code is drawn, by itself and as a poster to print. The addresses need no key."""

    svg_url: str
    png_url: str
    poster_svg_url: str
    poster_pdf_url: str


class StaticCodeView(Struct, frozen=True, kw_only=True):
    """A static code, for its merchant and auditors."""

    object: Literal["static_code"] = "static_code"
    id: StaticCodeId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    status: Literal["active", "revoked"]
    merchant: MerchantView
    currency: CurrencyCode
    amount: MoneyView | None
    """Null: the payer enters it."""
    min: MoneyView | None
    max: MoneyView | None
    label: str
    formats: list[Literal["url", "emv"]]
    payloads: PayloadsView
    pictures: CodePicturesView | None
    """Null once the code is revoked: nobody should print it."""
    key_id: str
    """Of the key that signed the texts."""
    created_at: Time
    revoked_at: Time | None
    position: int


class OpenAmountView(Struct, frozen=True, kw_only=True):
    """What a payer must know before entering an amount. Nothing has been stored."""

    object: Literal["static_code"] = "static_code"
    id: StaticCodeId
    livemode: bool
    """Whether the ledger is live; false: a test ledger."""
    merchant: MerchantView
    currency: CurrencyCode
    min: MoneyView | None
    max: MoneyView | None
    label: str


class ShownCode(Protocol):
    """What a response needs to know of a code; the aggregate and a row of the list have it."""

    @property
    def public_id(self) -> str: ...  # noqa: D102
    @property
    def merchant_id(self) -> str: ...  # noqa: D102
    @property
    def merchant_name(self) -> str: ...  # noqa: D102
    @property
    def terms(self) -> Terms: ...  # noqa: D102
    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def key_id(self) -> str: ...  # noqa: D102
    @property
    def payloads(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def created_on(self) -> datetime: ...  # noqa: D102
    @property
    def revoked_at(self) -> datetime | None: ...  # noqa: D102


def static_code_view(
    code: ShownCode, position: int, public_url: str, *, livemode: bool
) -> StaticCodeView:
    """A code, with everything that is printed. `public_url`: the ledger's origin."""
    terms = code.terms
    one = f"{public_url}/v1/static-codes/{code.public_id}"
    pictures = CodePicturesView(
        svg_url=f"{one}/qr.svg",
        png_url=f"{one}/qr.png",
        poster_svg_url=f"{one}/poster.svg",
        poster_pdf_url=f"{one}/poster.pdf",
    )
    return StaticCodeView(
        id=code.public_id,
        livemode=livemode,
        status="revoked" if code.revoked_at else "active",
        merchant=MerchantView(code.merchant_id, code.merchant_name),
        currency=terms.currency,
        amount=_money(terms.amount_minor, terms),
        min=_money(terms.min_minor, terms),
        max=_money(terms.max_minor, terms),
        label=code.label,
        formats=[name for name in ("url", "emv") if name in code.payloads],
        payloads=PayloadsView(code.payloads.get("url"), code.payloads.get("emv")),
        pictures=None if code.revoked_at else pictures,
        key_id=code.key_id,
        created_at=times.to_text(code.created_on),
        revoked_at=times.to_text(code.revoked_at) if code.revoked_at else None,
        position=position,
    )


def open_amount_view(code: ShownCode, *, livemode: bool) -> OpenAmountView:
    """A code whose amount the payer enters."""
    return OpenAmountView(
        id=code.public_id,
        livemode=livemode,
        merchant=MerchantView(code.merchant_id, code.merchant_name),
        currency=code.terms.currency,
        min=_money(code.terms.min_minor, code.terms),
        max=_money(code.terms.max_minor, code.terms),
        label=code.label,
    )


def _money(minor: int | None, terms: Terms) -> MoneyView | None:
    return None if minor is None else money_view(Money(minor, terms.currency))
