"""What the program says about itself: one line of JSON per message on standard error.

Only what code says on purpose is written: no bodies, no headers, no addresses with tokens in them,
and of a database's error no values, which may be a merchant's or a payer's. Any text can be logged.
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

from domain import times

CAUSES_MAX: Final = 10
"""How many exceptions of a chain are told."""
_QUIET = ("websockets", "uvicorn", "psycopg")
_QUOTED = re.compile(r"\"[^\"]*\"?")
_DATA_ERROR = "22"
"""SQLSTATE class of values that cannot be taken: the message quotes them."""

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told = {
            "time": times.to_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _encodable(record.getMessage()),
        }
        if record.exc_info:
            told["exception"] = _encodable(self.formatException(record.exc_info))
        return msgspec.json.encode(told).decode()

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - the library's name
        """Tracebacks, the first cause first; what databases say goes without its values."""
        chain: list[BaseException] = []
        error = ei[1]
        while error is not None and error not in chain and len(chain) < CAUSES_MAX:
            chain.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(
            "".join(traceback.format_tb(one.__traceback__)) + f"{_name(one)}: {safe_message(one)}"
            for one in reversed(chain)
        )


def safe_message(error: BaseException) -> str:
    """What an exception says, less what a database repeats of the values it was given."""
    if isinstance(error, psycopg.Error) and error.sqlstate is not None:
        primary = error.diag.message_primary or ""
        if error.sqlstate.startswith(_DATA_ERROR):
            primary = _QUOTED.sub('"…"', primary)
        return f"{primary} (SQLSTATE {error.sqlstate})"
    if isinstance(error, PersistenceError):  # the library repeats what it wraps
        return "see its cause" if error.__cause__ else "an event cannot be stored or read"
    return str(error)


def configure(level: int = logging.INFO) -> None:
    """Write messages of a level and above; libraries only when something is wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _encodable(text: str) -> str:
    """The text as UTF-8 can carry it: lone surrogates as their escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
