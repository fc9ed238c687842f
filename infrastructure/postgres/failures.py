"""Whose fault a failure is: the world's, to be tried again, or ours, to be looked at.

The one place that sorts SQLSTATEs (PostgreSQL, Appendix A). psycopg's exception classes do not
tell: a read-only database (25006) is an `InternalError`, as is a broken invariant of the server.
"""

from __future__ import annotations

import errno
from typing import Final

import psycopg

from application.errors import LogUnavailable, Overloaded

TRANSIENT_STATES: Final = (
    "08",  # connection exceptions
    "25006",  # read-only: a standby, or an operator who wants it so
    "25P03",  # idle in transaction for too long: this process was stopped
    "25P04",  # the transaction took too long
    "28",  # the login is refused, for now
    "40",  # serialisation failure, deadlock, completion unknown
    "53",  # disk full, out of memory, too many connections
    "55006",  # the object is in use
    "55P03",  # the lock did not come in time
    "57",  # cancelled, shutting down, starting up
    "58",  # system errors: input and output, a file is missing
)
"""Prefixes of the SQLSTATEs that pass when the world gets better."""

OUTCOME_UNKNOWN_STATES: Final = ("08", "40003", "57P")
"""Of those, after which a commit may have happened: the link or the server ended under way."""

_EXHAUSTED: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC}
)


def is_transient(error: BaseException) -> bool:
    """Whether trying again later can help; everything else is a mistake of ours."""
    if isinstance(error, psycopg.Error):
        if error.sqlstate is not None:
            return error.sqlstate.startswith(TRANSIENT_STATES)
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if isinstance(error, OSError):
        return isinstance(error, ConnectionError | TimeoutError) or error.errno in _EXHAUSTED
    return isinstance(error, LogUnavailable | Overloaded)


def is_outcome_unknown(error: psycopg.Error) -> bool:
    """Whether what was sent may have been committed although its answer is this error."""
    if error.sqlstate is None:
        return is_transient(error)
    return error.sqlstate.startswith(OUTCOME_UNKNOWN_STATES)
