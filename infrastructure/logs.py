"""What the program says about itself: one line of JSON per message on standard error.

Only what code says on purpose is written: no bodies, no headers, no addresses with tokens in them.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import msgspec

from domain import times

_QUIET = ("websockets", "uvicorn", "psycopg")


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told = {
            "time": times.to_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(told).decode()


def configure(level: int = logging.INFO) -> None:
    """Write messages of a level and above; libraries only when something is wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
