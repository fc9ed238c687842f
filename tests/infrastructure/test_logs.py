"""Logging: one line of JSON for any text, without the values of merchants or payers."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from application.errors import LogRejected
from infrastructure.logs import JsonFormatter

pytestmark = pytest.mark.postgres
NOTE = "the payer's own words"


def line(error: BaseException) -> dict[str, Any]:
    info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "%s halted", ("sessions",), info)
    fields: dict[str, Any] = json.loads(JsonFormatter().format(record))
    return fields


@pytest.mark.parametrize(
    ("query", "value", "state"),
    [
        ("select * from jsonb_populate_recordset(null::pg_class, %s)",
         Jsonb([{"relname": NOTE, "note": "x\x00y"}]), "22P05"),
        ("select * from jsonb_to_recordset(%s) as r (a int)", Jsonb([{"a": NOTE}]), "22P02"),
        ("select %s::int", NOTE, "22P02"),
        ("select %s::timestamptz", NOTE, "22007"),
        ("insert into notes values (%s), ('b')", NOTE, "23514"),
    ],
)  # fmt: skip
def test_a_database_error_is_logged_without_the_values_it_quotes(
    database_url: str, query: str, value: Any, state: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("create temp table notes (note text check (length(note) < 3))")
        with pytest.raises(psycopg.Error) as failed:
            connection.execute(query, (value,))
    assert NOTE in str(failed.value)  # must not be logged
    wrapped = LogRejected(reason="it cannot be stored")
    wrapped.__cause__ = failed.value

    for error in (failed.value, wrapped):
        exception = line(error)["exception"]
        assert NOTE not in exception
        assert f"(SQLSTATE {state})" in exception
        assert "File " in exception
    assert exception.endswith("LogRejected: The event log rejected the batch: it cannot be stored.")


def test_a_chain_of_errors_is_logged_from_its_first_cause_and_is_bounded() -> None:
    first, second = ValueError("first"), KeyError("second")
    second.__cause__ = first
    first.__context__ = second  # a cycle

    fields = line(second)

    assert fields["message"] == "sessions halted"
    assert fields["exception"] == "ValueError: first\nKeyError: 'second'"


def test_a_lone_surrogate_is_logged_as_an_escape() -> None:
    assert line(ValueError("a\ud800b\x00"))["exception"] == "ValueError: a\\ud800b\x00"


def test_messages_of_processes_that_share_standard_error_do_not_mix() -> None:
    program = (
        "import logging; from infrastructure import logs; logs.configure()\n"
        "for _ in range(100): logging.getLogger('x').warning('y' * 3000)"
    )
    reading, writing = os.pipe()
    writers = [subprocess.Popen([sys.executable, "-c", program], stderr=writing) for _ in range(3)]
    os.close(writing)
    with os.fdopen(reading) as output:
        messages = [json.loads(text)["message"] for text in output]
    statuses = [writer.wait(30) for writer in writers]

    assert statuses == [0, 0, 0]
    assert messages == 300 * ["y" * 3000]
