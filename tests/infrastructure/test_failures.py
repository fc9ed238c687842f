"""Which failures are transient."""

from __future__ import annotations

import errno

import psycopg
import pytest
from psycopg import errors

from application.errors import LogUnavailable, Overloaded
from infrastructure.postgres.failures import is_outcome_unknown, is_transient


@pytest.mark.parametrize(
    "state",
    ["08006", "25006", "25P03", "28P01", "40001", "40003", "40P01", "53100", "53200", "53300",
     "55P03", "57014", "57P01", "57P03", "58030"],
)  # fmt: skip
def test_transient_states(state: str) -> None:
    assert is_transient(errors.lookup(state)())


@pytest.mark.parametrize(
    "state",
    ["22P05", "23505", "23514", "25001", "42501", "42703", "42P01", "P0001", "XX000", "XX001"],
)
def test_other_states_are_not_transient(state: str) -> None:
    error = errors.lookup(state)()

    assert not is_transient(error)
    assert not is_outcome_unknown(error)


def test_errors_without_a_sqlstate() -> None:
    assert is_transient(psycopg.OperationalError("server closed the connection"))
    assert is_transient(psycopg.InterfaceError("the connection is closed"))
    assert is_transient(LogUnavailable(reason="x"))
    assert is_transient(Overloaded(reason="x"))
    assert is_transient(OSError(errno.EMFILE, "too many open files"))
    assert is_transient(ConnectionResetError())
    assert not is_transient(psycopg.ProgrammingError("the query has 1 placeholder"))
    assert not is_transient(FileNotFoundError())
    assert not is_transient(ValueError())


@pytest.mark.parametrize(
    ("state", "unsure"),
    [("08006", True), ("40003", True), ("57P01", True), ("57P02", True), ("25006", False),
     ("40001", False), ("40P01", False), ("53100", False), ("55P03", False), ("57014", False)],
)  # fmt: skip
def test_only_a_lost_connection_or_server_leaves_the_outcome_unknown(
    state: str, unsure: bool
) -> None:
    assert is_outcome_unknown(errors.lookup(state)()) is unsure
    assert is_outcome_unknown(psycopg.OperationalError("the link is gone"))
