"""Requests that cannot be served. The root of all refusals is in `domain/errors.py`.

A stored refusal is read back by its code, so this module imports every context whose refusals may
be stored; a test proves that none is missing.
"""

from __future__ import annotations

import domain.merchants.errors
import domain.payouts.errors
import domain.processors.errors
import domain.qr.errors
import domain.sealing.errors
import domain.sessions.errors
import domain.static_codes.errors
import domain.treasury.errors
import domain.wallets.errors  # noqa: F401 - fills `LedgerError.by_code`
from domain.errors import ErrorKind, LedgerError


class NotFound(LedgerError):
    """It does not exist, or belongs to another tenant."""

    code = "not-found"
    kind = ErrorKind.NOT_FOUND
    title = "Not found"
    sentence = "There is no such {thing}."


class Unauthorized(LedgerError):
    """The API key is missing, malformed, unknown or revoked."""

    code = "unauthorized"
    kind = ErrorKind.UNAUTHENTICATED
    title = "Valid API key required"
    sentence = "{reason}."


class Forbidden(LedgerError):
    """The API key is valid, but its role does not allow this."""

    code = "forbidden"
    kind = ErrorKind.FORBIDDEN
    title = "Not allowed for this role"
    sentence = "{reason}."


class NotCaughtUp(LedgerError):
    """The read model has not reached the requested position yet."""

    code = "not-caught-up"
    kind = ErrorKind.UNAVAILABLE
    title = "Read model has not caught up"
    sentence = "The read model is at position {position}; position {at_least} was requested."


class NotSealed(LedgerError):
    """The event is recorded, but no published checkpoint covers it yet."""

    code = "not-sealed"
    kind = ErrorKind.UNAVAILABLE
    title = "Not sealed yet"
    sentence = "Position {position} is not sealed yet; the log is sealed up to position {sealed}."


class CreditsNotCounted(LedgerError):
    """Credits that have not been counted yet may cover the debit."""

    code = "credits-not-counted"
    kind = ErrorKind.UNAVAILABLE
    title = "Credits are not counted yet"
    sentence = "The credits are counted up to position {position} only."


class PayoutNotFunded(LedgerError):
    """The bank does not hold the money of the payout yet, so it stays requested."""

    code = "payout-not-funded"
    kind = ErrorKind.UNAVAILABLE
    title = "Payout is not funded yet"
    sentence = "The bank cannot cover {amount_minor} {currency} in minor units for {payout_id} yet."


class Overloaded(LedgerError):
    """The queue is full, the database is unavailable, or the retries are used up."""

    code = "overloaded"
    kind = ErrorKind.UNAVAILABLE
    title = "Temporarily unavailable"
    sentence = "The ledger cannot process the request now: {reason}."


class TooManyStreams(LedgerError):
    """The session, the key, the IP address or the process has as many as it may have."""

    code = "too-many-streams"
    kind = ErrorKind.RATE_LIMITED
    title = "Too many event streams"
    sentence = "{owner} has {limit} event streams, which is the limit."


class PosterFontMissing(LedgerError):
    """The PDF of a poster has no font for one of its texts; the SVG uses the reader's fonts."""

    code = "poster-font-missing"
    kind = ErrorKind.UNPROCESSABLE
    title = "No font for this text"
    sentence = "The PDF cannot show {character}; ask for the poster as SVG."


class SigningUnavailable(LedgerError):
    """This process has no signing key; static codes and offers cannot be issued."""

    code = "signing-unavailable"
    kind = ErrorKind.UNAVAILABLE
    title = "Signing is unavailable"
    sentence = "The ledger cannot sign now: its signing key is not available."


class IdempotencyKeyRequired(LedgerError):
    """The operation changes something and needs an idempotency key."""

    code = "idempotency-key-required"
    kind = ErrorKind.INVALID
    title = "Idempotency-Key is required"
    sentence = "This operation needs an Idempotency-Key header of 1 to 255 characters."


class IdempotencyKeyReused(LedgerError):
    """The idempotency key was used for another request."""

    code = "idempotency-key-reused"
    kind = ErrorKind.KEY_REUSED
    title = "Idempotency-Key was used for another request"
    sentence = "The Idempotency-Key was first used with a different request; use a new key."


class IdempotencyInProgress(LedgerError):
    """The first request with this idempotency key has not finished."""

    code = "idempotency-in-progress"
    kind = ErrorKind.BUSY
    title = "First request is still in progress"
    sentence = "The first request with this Idempotency-Key is still in progress; retry later."


class LogUnavailable(LedgerError):
    """The event log cannot be reached, or did not respond in time."""

    code = "log-unavailable"
    kind = ErrorKind.UNAVAILABLE
    title = "Event log is unavailable"
    sentence = "The event log is unavailable: {reason}."


class LogRejected(LedgerError):
    """The event log cannot store this batch; nothing of it was stored."""

    code = "log-rejected"
    kind = ErrorKind.INTERNAL
    title = "Event log rejected the batch"
    sentence = "The event log rejected the batch: {reason}."


class InternalError(LedgerError):
    """A bug on our side; the details are in the server's log."""

    code = "internal-error"
    kind = ErrorKind.INTERNAL
    title = "Internal error"
    sentence = "An internal error occurred; no change is known to have been recorded."
