"""Which failures are transient; every other one is a defect that needs attention.

The only module that classifies SQLSTATEs (PostgreSQL, Appendix A). psycopg's exception classes are
not enough: a read-only database (25006) is an `InternalError`, like a broken invariant of the
server.
"""

from __future__ import annotations

import errno
from typing import Final

import psycopg

from application.errors import LogUnavailable, Overloaded
from infrastructure.postgres.urls import without_secrets

TRANSIENT_STATES: Final = (
    "08",  # connection exceptions
    "25006",  # read-only: a standby, or set by an operator
    "25P03",  # idle in transaction for too long: this process was suspended
    "25P04",  # the transaction took too long
    "28",  # the login is refused
    "40",  # serialisation failure, deadlock, completion unknown
    "53",  # disk full, out of memory, too many connections
    "55006",  # the object is in use
    "55P03",  # lock timeout
    "57",  # canceled, shutting down, starting up
    "58",  # system errors: I/O, missing files
)
"""Prefixes of SQLSTATEs after which the same statement may succeed later."""

OUTCOME_UNKNOWN_STATES: Final = ("08", "40003", "57P")
"""Prefixes of SQLSTATEs after which a commit may have happened: the link or the server ended."""

_EXHAUSTED: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC}
)


def is_transient(error: BaseException) -> bool:
    """Whether the same operation may succeed later."""
    if isinstance(error, psycopg.Error):
        if error.sqlstate is not None:
            return error.sqlstate.startswith(TRANSIENT_STATES)
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if isinstance(error, OSError):
        return isinstance(error, ConnectionError | TimeoutError) or error.errno in _EXHAUSTED
    return isinstance(error, LogUnavailable | Overloaded)


def reason_of(error: psycopg.Error) -> str:
    """Which host did not answer, and why, on one line: libpq's last one that is no advice."""
    lines = (line.strip(" \t-") for line in str(error).splitlines())
    told = [line for line in lines if line and not line.startswith("Is the server running")]
    return without_secrets(told[-1] if told else type(error).__name__)


def is_outcome_unknown(error: psycopg.Error) -> bool:
    """Whether the statement may have been committed in spite of this error."""
    if error.sqlstate is None:
        return is_transient(error)
    return error.sqlstate.startswith(OUTCOME_UNKNOWN_STATES)
