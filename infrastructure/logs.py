"""Logging: one line of JSON per message on standard error.

Messages contain no request bodies, headers or URLs with tokens, and messages of the database are
logged without their values, which may be a merchant's or a payer's. Any text can be logged.
"""

from __future__ import annotations

import logging
import re
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

import msgspec
import psycopg
from eventsourcing.persistence import PersistenceError

from application import request_context
from domain import times

CAUSES_MAX: Final = 10
"""How many exceptions of a chain are logged."""
_QUIET = ("websockets", "uvicorn", "psycopg")
_QUOTED = re.compile(r"\"[^\"]*\"?")
_DATA_ERROR = "22"
"""SQLSTATE class of invalid values; the message quotes the value."""

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, request and traceback as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line."""
        fields = {
            "time": times.to_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _encodable(record.getMessage()),
        }
        context = request_context.current()
        if context is not None and not context.done:
            fields["request_id"] = context.request_id
            if context.trace_id:
                fields["trace_id"] = context.trace_id
        if record.exc_info:
            fields["exception"] = _encodable(self.formatException(record.exc_info))
        return msgspec.json.encode(fields).decode()

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - the library's name
        """The tracebacks of the exception chain, the first cause first."""
        chain: list[BaseException] = []
        error = ei[1]
        while error is not None and error not in chain and len(chain) < CAUSES_MAX:
            chain.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(
            "".join(traceback.format_tb(e.__traceback__)) + f"{_name(e)}: {safe_message(e)}"
            for e in reversed(chain)
        )


def safe_message(error: BaseException) -> str:
    """The message of an exception without the values that a database quotes."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        primary = error.diag.message_primary or ""
        if error.sqlstate.startswith(_DATA_ERROR):
            primary = _QUOTED.sub('"…"', primary)
        return f"{primary} (SQLSTATE {error.sqlstate})"
    if isinstance(error, PersistenceError):  # the library repeats the message of the cause
        return "see its cause" if error.__cause__ else "an event cannot be stored or read"
    return str(error)


def configure(level: int = logging.INFO) -> None:
    """Log messages of a level and above; of chatty libraries errors only."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _encodable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot encode, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
