"""Requests that cannot be served, and the world failing; the tree's root is in domain/errors.py.

LedgerError
├── ApplicationError
│   ├── not-found · unauthorized · forbidden · not-caught-up · overloaded
│   └── idempotency-key-required · idempotency-key-reused · idempotency-in-progress
└── PortError
    └── log-unavailable · log-rejected · internal-error
"""

from __future__ import annotations

from domain.errors import LedgerError


class ApplicationError(LedgerError):
    """A request that cannot be served."""


class PortError(LedgerError):
    """The world outside the process failed."""


class NotFound(ApplicationError):
    """No such thing, or it is another tenant's."""

    code = "not-found"
    title = "Not found"
    sentence = "There is no such {thing}."


class Unauthorized(ApplicationError):
    """No key, or one that opens nothing here."""

    code = "unauthorized"
    title = "A valid key is needed"
    sentence = "{reason}."


class Forbidden(ApplicationError):
    """The key is good, its role is not."""

    code = "forbidden"
    title = "The key's role may not do this"
    sentence = "{reason}."


class NotCaughtUp(ApplicationError):
    """The read model has not taken the position in yet."""

    code = "not-caught-up"
    title = "The list is still behind"
    sentence = "The list has taken in position {position}; position {at_least} was asked for."
    transient = True


class Overloaded(ApplicationError):
    """The queue is full, the database is away, or the retries are used up."""

    code = "overloaded"
    title = "Try again in a moment"
    sentence = "The ledger cannot take the request now: {reason}."
    transient = True


class IdempotencyKeyRequired(ApplicationError):
    """Money moves only under a key."""

    code = "idempotency-key-required"
    title = "An Idempotency-Key is required"
    sentence = "This call needs an Idempotency-Key header of 1 to 255 characters."


class IdempotencyKeyReused(ApplicationError):
    """The key names another request."""

    code = "idempotency-key-reused"
    title = "The Idempotency-Key was used for another request"
    sentence = "The Idempotency-Key was first used with another body; use a new key."


class IdempotencyInProgress(ApplicationError):
    """The first request under this key has no answer yet."""

    code = "idempotency-in-progress"
    title = "The first request is still running"
    sentence = "The first request under this Idempotency-Key is still running; ask again."
    transient = True


class LogUnavailable(PortError):
    """The event log cannot be reached, or did not answer in time."""

    code = "log-unavailable"
    title = "The event log is away"
    sentence = "The event log is away: {reason}."
    transient = True


class LogRejected(PortError):
    """The event log cannot store this batch; nothing of it was stored."""

    code = "log-rejected"
    title = "The event log refused"
    sentence = "The event log refused the batch: {reason}."


class InternalError(PortError):
    """A mistake of ours; the log has the details."""

    code = "internal-error"
    title = "Something went wrong here"
    sentence = "The request could not be handled; nothing is known to have changed."
