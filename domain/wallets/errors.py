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


class QuoteExpired(LedgerError):
    """The exchange quote has ended, by the ledger's time."""

    code = "quote-expired"
    kind = ErrorKind.EXPIRED
    title = "Exchange quote has expired"
    sentence = "The quote {quote_id} expired at {expires_at}; ask for a new one."


class QuoteMismatch(LedgerError):
    """The exchange quote belongs to another wallet, session or amount, or does not exist."""

    code = "quote-mismatch"
    kind = ErrorKind.UNPROCESSABLE
    title = "Exchange quote does not match"
    sentence = "The quote {quote_id} is not for this wallet, payment session and amount."


class QuoteUsed(LedgerError):
    """The exchange quote has been used."""

    code = "quote-used"
    kind = ErrorKind.CONFLICT
    title = "Exchange quote is already used"
    sentence = "The quote {quote_id} has been used."


class QuotesExhausted(LedgerError):
    """The wallet has as many quotes for the session as it may have."""

    code = "quotes-exhausted"
    kind = ErrorKind.CONFLICT
    title = "Quote limit reached"
    sentence = "The wallet has {quotes_max} quotes for {session_id}, which is the limit."


class RateUnavailable(LedgerError):
    """There is no exchange rate for the currencies, or none that is young enough."""

    code = "rate-unavailable"
    kind = ErrorKind.UNPROCESSABLE
    title = "No exchange rate"
    sentence = "There is no rate from {from_currency} to {to_currency} that is young enough."
