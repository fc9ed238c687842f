"""Database URLs, validated before use so that no error message has to quote one.

libpq quotes what it cannot parse; in a URL with an unescaped character this may be a part of the
password.
"""

from __future__ import annotations

import re
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

URL_CHARS_MAX: Final = 4096
SCHEMES: Final = ("postgresql://", "postgres://")
_SECRETS = re.compile(r"(?i)(//)[^\s]*@|\b(password|passfile|sslpassword)\s*=\s*('[^']*'|\S+)")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


class BadDatabaseUrl(ValueError):
    """Not a database URL; the message says why without quoting any part of it."""


def check(url: str) -> None:
    """Check that libpq will read the URL as its author meant it.

    Raises:
        BadDatabaseUrl: another scheme, an unescaped character, or an unknown parameter.
    """
    form = "postgresql://login:password@host:5432/database"
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        msg = f"must be {form}, printable ASCII; write other characters as %XX"
        raise BadDatabaseUrl(msg)
    if not url.startswith(SCHEMES):
        msg = f"must be {form}"
        raise BadDatabaseUrl(msg)
    rest = url.partition("://")[2]
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    if rest.count("@") > 1 or "@" in rest[len(authority) :] or "#" in url or _PERCENT.search(url):
        msg = (
            f"must be {form}; in a password write @ as %40, / as %2F, ? as %3F, # as %23, % as %25"
        )
        raise BadDatabaseUrl(msg)
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.Error:
        msg = f"must be {form}, with no parameters other than those of libpq"
        raise BadDatabaseUrl(msg) from None
    for port in filter(None, str(parameters.get("port") or "").split(",")):
        if not (port.isdigit() and 1 <= int(port) <= 65_535):  # noqa: PLR2004
            msg = f"must be {form}; the port must be a number from 1 to 65535"
            raise BadDatabaseUrl(msg)


def without_secrets(text: str) -> str:
    """A message of libpq without the secrets of a connection string."""
    return _SECRETS.sub(lambda m: "//***@" if m.group(1) else f"{m.group(2)}=***", text)
