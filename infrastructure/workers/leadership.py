"""The election of one leader among the worker processes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from infrastructure.postgres import deadline
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.postgres.failures import is_transient
from infrastructure.workers.supervisor import RESTART_SECONDS

ELECTION_SECONDS: Final = 1.0
LEADER_SECONDS: Final = 10.0
"""How long a statement on the leader's connection may take before leadership is given up."""
LEADER_KEY: Final = 0x7172_6C5F_776F_726B  # "qrl_work"

_log = logging.getLogger(__name__)

Report = Callable[[Connection[TupleRow]], None]
"""Writes the state of the work; called about once a second, on the leader's own connection."""
Work = Callable[[], AbstractContextManager[Report]]
"""Starts the work, and stops it on exit."""


def run_as_leader(url: str, stopped: Event, work: Work) -> None:
    """Run the work while this process is the leader; stand by while another one is.

    Leadership is an advisory lock on a connection of its own. When that connection is lost, the
    work stops and a new election begins. Two leaders for a moment do no harm: a read model's
    tracking row serializes its writers.

    Args:
        url: the database.
        stopped: ends the work and the elections.
        work: the work of the leader.
    """
    while not stopped.is_set():
        try:
            with connect(url, DatabaseRole.PROJECTOR) as connection:
                query = "select pg_try_advisory_lock(%s)"
                while _query_value(connection, query, LEADER_KEY) is not True:
                    if stopped.wait(ELECTION_SECONDS):
                        return
                _log.info("leading")
                with work() as report:
                    while not stopped.wait(ELECTION_SECONDS):
                        _query_value(connection, "select 1")
                        _report(report, connection)
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            if not stopped.is_set():
                _log.warning("leadership: %s; trying again", type(error).__name__)
            stopped.wait(RESTART_SECONDS)


def has_leader(connection: Connection[TupleRow]) -> bool:
    """Whether a worker of this database is the leader."""
    query = (
        "select exists (select from pg_locks where locktype = 'advisory' and granted "
        "and database = (select oid from pg_database where datname = current_database()) "
        "and classid = %s and objid = %s and objsubid = 1)"
    )
    row = connection.execute(query, (LEADER_KEY >> 32, LEADER_KEY & 0xFFFFFFFF)).fetchone()
    return bool(row and row[0])


def _query_value(connection: Connection[TupleRow], query: str, *parameters: object) -> object:
    with deadline.limit(connection, LEADER_SECONDS):
        row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None


def _report(report: Report, connection: Connection[TupleRow]) -> None:
    """Report unless the database is read-only or full at the moment; the work continues."""
    try:
        with deadline.limit(connection, LEADER_SECONDS):
            report(connection)
    except psycopg.Error as error:
        if not is_transient(error) or connection.closed:
            raise
