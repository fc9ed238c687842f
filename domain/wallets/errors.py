"""Refusals of wallets and top-ups."""

from __future__ import annotations

from domain.errors import ErrorKind, LedgerError


class WalletCurrencyMismatch(LedgerError):
    """The wallet holds another currency."""

    code = "wallet-currency-mismatch"
    kind = ErrorKind.UNPROCESSABLE
    title = "Wallet holds another currency"
    sentence = "The wallet holds {wallet_currency}; the amount is in {asked_currency}."


class InsufficientFunds(LedgerError):
    """The wallet's available balance is less than the amount."""

    code = "insufficient-funds"
    kind = ErrorKind.INSUFFICIENT_FUNDS
    title = "Insufficient funds"
    sentence = "The wallet {wallet_id} cannot cover {asked_minor} {currency} in minor units."


class BalanceLimit(LedgerError):
    """The top-up would take the wallet's balance over its limit."""

    code = "balance-limit"
    kind = ErrorKind.UNPROCESSABLE
    title = "Balance limit exceeded"
    sentence = "The wallet {wallet_id} may hold at most {limit_minor} in minor units."


class ReferenceUsed(LedgerError):
    """The wallet already has a top-up with this reference."""

    code = "reference-used"
    kind = ErrorKind.CONFLICT
    title = "Top-up reference is already used"
    sentence = "The wallet {wallet_id} already has a top-up with the reference {reference}."
