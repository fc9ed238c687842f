"""Refusals of payouts and of anything else that a merchant takes out."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class PayableInsufficient(LedgerError):
    """The merchant's payable cannot cover the refund or payout."""

    code = "payable-insufficient"
    kind = ErrorKind.UNPROCESSABLE
    title = "Payable balance is insufficient"
    sentence = (
        "The merchant {merchant_id} has {available_minor} {currency} in minor units to take out, "
        "not {asked_minor}."
    )


class NoDestination(LedgerError):
    """The operator has registered no bank account of the merchant for this currency."""

    code = "no-payout-destination"
    kind = ErrorKind.UNPROCESSABLE
    title = "No payout destination"
    sentence = "No payout destination is registered for {currency}; ask the operator."
