"""From the values of an EMVCo code to its objects; they are checked when they are read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from domain.money.currencies import CURRENCIES
from domain.money.decimals import decimal_text
from domain.money.money import Amount
from domain.qr import tlv
from domain.qr.emv_code import EmvCode, Template, Tip, TipKind


def objects(code: EmvCode) -> dict[str, str]:
    """The values of the objects by id, without the first and the last one; none is empty.

    Raises:
        ValueError: the currency is unknown, or a template is too long.
    """
    return {object_id: value for object_id, value in _objects(code) if value}


def _objects(code: EmvCode) -> Iterator[tuple[str, str]]:
    currency = CURRENCIES.get(code.currency)
    if currency is None:
        msg = f"{code.currency!r:.20} is not a currency"
        raise ValueError(msg)
    yield "01", code.initiation.value if code.initiation else ""
    for object_id, account in code.accounts.items():
        yield object_id, _template(account) if isinstance(account, Template) else account
    yield "52", code.category
    yield "53", currency.numeric
    if code.amount_minor is not None:
        amount = Amount(code.amount_minor, currency.code, currency.exponent)
        yield "54", decimal_text(amount)
    yield from _tip(code.tip)
    yield "58", code.country
    yield "59", code.name
    yield "60", code.city
    yield "61", code.postal_code
    yield "62", _written(code.additional)
    if code.language is not None:
        language = {"00": code.language.code, "01": code.language.name, "02": code.language.city}
        yield "64", _written(language)
    yield from code.reserved.items()
    for object_id, template in code.unreserved.items():
        yield object_id, _template(template)


def _tip(tip: Tip | None) -> Iterator[tuple[str, str]]:
    if tip is not None:
        yield "55", tip.kind.value
        if tip.kind is not TipKind.PROMPT:
            yield "56" if tip.kind is TipKind.FIXED else "57", tip.value


def _template(template: Template) -> str:
    return _written({"00": template.guid, **template.objects})


def _written(values: Mapping[str, str]) -> str:
    """Objects one after the other, in the mapping's order; empty values are left out."""
    return "".join(tlv.write(object_id, value) for object_id, value in values.items() if value)
