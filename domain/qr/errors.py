"""Refusals of scanned codes."""

from __future__ import annotations

from enum import StrEnum

from domain.errors import ErrorKind, LedgerError


class Cause(StrEnum):
    """What is wrong with a code, for programs and metrics; a value never changes its meaning."""

    TOO_LONG = "too-long"
    """It has more characters or lines than its format allows."""
    UNACCEPTABLE_TEXT = "unacceptable-text"
    """It contains control characters or lone surrogates."""
    UNREADABLE = "unreadable"
    """Its structure is broken, or not that of the format."""
    CHECKSUM = "checksum"
    """It has no checksum, or a wrong one."""
    REPEATED_OBJECT = "repeated-object"
    """It has an object twice."""
    MISSING_OBJECT = "missing-object"
    """It lacks an object or line that its format demands."""
    INVALID_OBJECT = "invalid-object"
    """An object or line has a value that its format does not allow, such as a wrong amount."""
    OTHER_PAYMENT_SYSTEM = "other-payment-system"
    """It is a code of another payment system."""
    NOT_A_URL = "not-a-url"
    """It is not an absolute URL, or one that programs read in different ways."""
    FOREIGN_SCHEME = "foreign-scheme"
    """It is a URL of another scheme, such as `http` instead of `https`."""
    FOREIGN_HOST = "foreign-host"
    """It points to another host or port."""
    LOOK_ALIKE_HOST = "look-alike-host"
    """It points to another host, whose name can be taken for the ledger's."""
    USER_INFORMATION = "user-information"
    """It has a user name or password before the host."""
    OTHER_ADDRESS = "other-address"
    """It is an address of this ledger, but not exactly one of a payment code."""
    UNSIGNED = "unsigned"
    """It has no signature."""
    AFTER_SIGNATURE = "after-signature"
    """Something follows its signature."""
    BAD_SIGNATURE = "bad-signature"
    """The signature is not that of the text."""
    UNKNOWN_KEY = "unknown-key"
    """This ledger does not have the key that it names."""
    REVOKED_KEY = "revoked-key"
    """The key that it names has been revoked."""
    REVOKED_CODE = "revoked-code"
    """The merchant has revoked the code."""


# Facts of both: `cause`, one of `Cause`; `reason`, a part of a sentence for a person; `offset`, the
# place in the scanned text, in characters from 0.


class InvalidQr(LedgerError):
    """The text is not a valid payment code, or not one of this ledger."""

    code = "invalid-qr"
    kind = ErrorKind.UNPROCESSABLE
    title = "Not a valid payment code"
    sentence = "The text is not a valid payment code: {reason}."


class InvalidSignature(LedgerError):
    """A static code is not signed, or not by this ledger, or was changed after it was signed."""

    code = "invalid-signature"
    kind = ErrorKind.UNPROCESSABLE
    title = "The code's signature is not valid"
    sentence = "The code cannot be trusted: {reason}."
