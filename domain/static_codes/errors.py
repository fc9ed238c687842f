"""Refusals of static codes."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class QrSettingsMissing(LedgerError):
    """An EMVCo code needs the merchant's country, city, category and name, which are not set."""

    code = "qr-settings-missing"
    kind = ErrorKind.UNPROCESSABLE
    title = "Merchant's settings for EMVCo codes are missing"
    sentence = (
        "An EMVCo code of {merchant_id} needs its country, city, category and name; the operator "
        "sets them with `qrledger merchants qr {merchant_id}`."
    )


class AmountOutsideLimits(LedgerError):
    """The payer's amount is outside the static code's limits, or in another currency."""

    code = "amount-outside-limits"
    kind = ErrorKind.UNPROCESSABLE
    title = "Amount is outside the code's limits"
    sentence = (
        "The code {static_code_id} takes {min_minor} to {max_minor} {currency} in minor units, "
        "not {offered_minor} {offered_currency}."
    )
