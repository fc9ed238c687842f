"""Every refusal of the domain, in one tree.

    LedgerError
    ├── DomainError            the rules say no
    │   ├── session-expired · session-not-payable · session-claimed · claim-required
    │   ├── claims-exhausted · amount-mismatch · wallet-currency-mismatch · insufficient-funds
    │   ├── order-open · order-paid · balance-limit · reference-used
    │   └── key-limit · invalid-qr · invalid-request
    ├── ApplicationError       the request cannot be served (application/errors.py)
    └── PortError              the world failed (application/errors.py)

An error is a `code`, a sentence and the facts that fill it. The facts are primitives and become
members of the problem document, so an error can be stored with its command and told again.
"""

from __future__ import annotations

from typing import ClassVar

Fact = str | int | bool | None | list[dict[str, str]]


class LedgerError(Exception):
    """What every refusal has in common: a stable code, a sentence, the facts."""

    code: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    transient: ClassVar[bool] = False
    kept: ClassVar[bool] = False
    """Decided: an idempotency key answers with it again for ever (HTTP 402, 410 and 422)."""

    by_code: ClassVar[dict[str, type[LedgerError]]] = {}

    def __init__(self, **facts: Fact) -> None:
        self.facts = facts
        self.replayed = False
        """Told again: an earlier request under the same idempotency key was refused."""
        super().__init__(self.sentence.format(**facts))

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in cls.__dict__:
            if cls.code in LedgerError.by_code:
                msg = f"two errors share the code {cls.code}"
                raise TypeError(msg)
            LedgerError.by_code[cls.code] = cls

    @property
    def detail(self) -> str:
        """The sentence with the values."""
        return str(self)


class DomainError(LedgerError):
    """A rule of the domain refuses."""


class SessionExpired(DomainError):
    """The deadline had passed by the ledger's time."""

    code = "session-expired"
    title = "The payment session has expired"
    sentence = "The payment session {session_id} expired at {expires_at}."
    kept = True


class SessionNotPayable(DomainError):
    """The session has ended another way, or somebody else paid it."""

    code = "session-not-payable"
    title = "The payment session can no longer be paid"
    sentence = "The payment session {session_id} is {session_status}."


class SessionClaimed(DomainError):
    """Another wallet's claim holds."""

    code = "session-claimed"
    title = "Another wallet is paying"
    sentence = "Another wallet holds the payment session {session_id} until {lease_until}."
    transient = True


class ClaimRequired(DomainError):
    """This wallet does not hold the session."""

    code = "claim-required"
    title = "Scan first"
    sentence = "The wallet does not hold the payment session {session_id}; scan the code again."


class ClaimsExhausted(DomainError):
    """A wallet, or the wallets of one app together, claimed the session as often as they may."""

    code = "claims-exhausted"
    title = "Claimed too often"
    sentence = (
        "The {holder} has held the payment session {session_id} {claims_max} times, "
        "the most it may."
    )


class AmountMismatch(DomainError):
    """The payment names another amount or currency than the session."""

    code = "amount-mismatch"
    title = "Another amount is asked for"
    sentence = (
        "The payment session {session_id} asks for {asked_minor} {asked_currency} "
        "in minor units, not {offered_minor} {offered_currency}."
    )
    kept = True


class WalletCurrencyMismatch(DomainError):
    """The wallet holds another currency."""

    code = "wallet-currency-mismatch"
    title = "The wallet holds another currency"
    sentence = "The wallet holds {wallet_currency}; the payment session asks for {asked_currency}."
    kept = True


class InsufficientFunds(DomainError):
    """The wallet cannot cover the amount."""

    code = "insufficient-funds"
    title = "Not enough money in the wallet"
    sentence = "The wallet {wallet_id} cannot cover {asked_minor} {currency} in minor units."
    kept = True


class OrderOpen(DomainError):
    """The merchant's order has a payment session that may still be paid."""

    code = "order-open"
    title = "The order is being paid"
    sentence = "The order {order_id} has an open payment session, {session_id}."


class OrderPaid(DomainError):
    """The merchant's order has been paid."""

    code = "order-paid"
    title = "The order is paid"
    sentence = "The order {order_id} was paid by the payment session {session_id}."


class BalanceLimit(DomainError):
    """A wallet may not hold that much."""

    code = "balance-limit"
    title = "The wallet would hold too much"
    sentence = "The wallet {wallet_id} may hold at most {limit_minor} in minor units."
    kept = True


class ReferenceUsed(DomainError):
    """A top-up's reference is used once per wallet."""

    code = "reference-used"
    title = "The reference is used"
    sentence = "The wallet {wallet_id} already has a top-up with the reference {reference}."


class KeyLimit(DomainError):
    """Two keys may live at a time."""

    code = "key-limit"
    title = "Too many living keys"
    sentence = "{holder_id} already has {keys_max} living {role} keys; revoke one first."


class InvalidQr(DomainError):
    """The text is not one of our codes."""

    code = "invalid-qr"
    title = "The code cannot be used here"
    sentence = "The scanned text is not a payment code of this ledger: {reason}."
    kept = True


class InvalidRequest(DomainError):
    """A value is missing, unknown, of the wrong type or out of range; names each one."""

    code = "invalid-request"
    title = "The request is not valid"
    sentence = "{reason}"

    @classmethod
    def of(cls, name: str, reason: str) -> InvalidRequest:
        """One invalid value, by its name as the caller wrote it."""
        return cls(reason=f"{name}: {reason}", invalid_params=[{"name": name, "reason": reason}])
