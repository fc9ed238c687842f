"""Tokens that may be used once, in `ledger.used_tokens`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

KEPT_HOURS: Final = 24
"""How long a used token is remembered after it has expired: more than clocks ever differ."""
DELETED_MAX: Final = 100
"""Rows that one use deletes at most; it adds one."""
_USE: Final = """
insert into ledger.used_tokens (digest, expires_at) values (%s, %s) on conflict do nothing
"""
_DELETE: Final = """
delete from ledger.used_tokens where digest in
    (select digest from ledger.used_tokens
      where expires_at < ledger.now() - make_interval(hours => %s) order by expires_at limit %s)
"""


class PostgresUsedTokens:
    """`application.ports.used_tokens.UsedTokens` in PostgreSQL."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection[TupleRow]]]) -> None:
        """Remember used tokens.

        Args:
            connect: lends a connection of the writer.
        """
        self._connect = connect

    def use(self, token: str, expires_at: datetime) -> bool:
        """See the port."""
        digest = hashlib.sha256(token.encode()).digest()
        with self._connect() as connection, connection.transaction():
            connection.execute("set local synchronous_commit = on")
            connection.execute(_DELETE, (KEPT_HOURS, DELETED_MAX))
            return connection.execute(_USE, (digest, expires_at)).rowcount == 1
