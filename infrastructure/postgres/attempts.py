"""What is kept beside the log about attempts and callbacks: notes, references and the inbox."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import msgspec
from psycopg import Connection
from psycopg.rows import TupleRow

from application import callbacks
from application.ports.attempt_notes import Notes
from application.ports.processor import Notice

DAYS_MAX: Final = 30
"""Older callbacks are deleted: a processor does not repeat them any more."""
DELETED_MAX: Final = 100
"""Rows that one statement deletes."""
NOTES_DAYS_MAX: Final = 7
"""Older notes are deleted, whatever became of their attempts: no payer needs them any more."""

Connect = Callable[[], AbstractContextManager[Connection[TupleRow]]]

_RECEIVE: Final = """
with stored as (
    insert into ledger.processor_callbacks (processor, notice, sha256, fields)
    values (%s, %s, %s, %s::json) on conflict do nothing returning 1
), task as (
    insert into ledger.tasks (process, key, due_at, lane, payload)
    select %s, %s, least(ledger.now(), %s), '', %s::json from stored on conflict do nothing
)
select count(*) from stored
"""
_SET_SOURCE: Final = """
insert into ledger.attempt_notes (attempt, source) values (%s, %s)
on conflict (attempt) do update set source = excluded.source
"""
_SET_REDIRECT: Final = """
insert into ledger.attempt_notes (attempt, redirect_url) values (%s, %s)
on conflict (attempt) do update set redirect_url = excluded.redirect_url
"""
_SET_KEY: Final = """
insert into ledger.processor_references (processor, reference, key) values (%s, %s, %s)
on conflict do nothing
"""
_KEY_OF: Final = """
select key from ledger.processor_references where processor = %s and reference = %s
"""
_DELETE_CALLBACKS: Final = """
delete from ledger.processor_callbacks where (processor, notice) in
    (select processor, notice from ledger.processor_callbacks
      where received_at < ledger.now() - make_interval(days => %s) order by received_at limit %s)
"""
_DELETE_NOTES: Final = """
delete from ledger.attempt_notes where attempt in
    (select attempt from ledger.attempt_notes
      where kept_at < ledger.now() - make_interval(days => %s) order by kept_at limit %s)
"""


class PostgresCallbackInbox:
    """`application.ports.callback_inbox.CallbackInbox` in PostgreSQL."""

    def __init__(self, connect: Connect) -> None:
        """Store callbacks.

        Args:
            connect: lends a connection of the writer.
        """
        self._connect = connect

    def receive(self, processor: str, notice: Notice, sha256: bytes) -> bool:
        """See the port. The commit is durable before this returns.

        The task is due at once, even if the server's clock is wrong: the callback says when it is.
        """
        fields = msgspec.json.encode(callbacks.to_payload(notice)).decode()
        key = f"{processor} {notice.id}"
        payload = msgspec.json.encode(
            {**callbacks.to_payload(notice), "processor": processor}
        ).decode()
        with self._connect() as connection, connection.transaction():
            connection.execute("set local synchronous_commit = on")
            row = connection.execute(
                _RECEIVE,
                (processor, notice.id, sha256, fields, callbacks.PROCESS, key, notice.at, payload),
            ).fetchone()
        return row is not None and row[0] == 1


class PostgresAttemptNotes:
    """`application.ports.attempt_notes.AttemptNotes` in PostgreSQL."""

    def __init__(self, connect: Connect) -> None:
        """Keep notes.

        Args:
            connect: lends a connection of the writer or the projector.
        """
        self._connect = connect

    def set_source(self, attempt_id: str, source: str) -> None:
        """See the port."""
        with self._connect() as connection:
            connection.execute(_SET_SOURCE, (attempt_id, source))

    def set_redirect(self, attempt_id: str, url: str) -> None:
        """See the port."""
        with self._connect() as connection:
            connection.execute(_SET_REDIRECT, (attempt_id, url))

    def of(self, attempt_id: str) -> Notes:
        """See the port."""
        with self._connect() as connection:
            row = connection.execute(
                "select source, redirect_url from ledger.attempt_notes where attempt = %s",
                (attempt_id,),
            ).fetchone()
        return Notes(*row) if row else Notes()

    def forget(self, attempt_id: str) -> None:
        """See the port."""
        with self._connect() as connection:
            connection.execute("delete from ledger.attempt_notes where attempt = %s", (attempt_id,))

    def clean(self) -> None:
        """See the port; old callbacks go too."""
        with self._connect() as connection:
            connection.execute(_DELETE_NOTES, (NOTES_DAYS_MAX, DELETED_MAX))
            connection.execute(_DELETE_CALLBACKS, (DAYS_MAX, DELETED_MAX))

    def set_key(self, processor: str, reference: str, key: str) -> None:
        """See the port; the first key counts."""
        with self._connect() as connection:
            connection.execute(
                _SET_KEY,
                (processor, reference, key),
            )

    def key_of(self, processor: str, reference: str) -> str:
        """See the port."""
        with self._connect() as connection:
            row = connection.execute(
                _KEY_OF,
                (processor, reference),
            ).fetchone()
        return str(row[0]) if row else ""
