"""The statements of the store use its indexes, however many tasks are due and in whatever lanes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from infrastructure.postgres import tasks
from infrastructure.postgres.connections import DatabaseRole, connect
from infrastructure.task_counts import _COUNTS
from tests.support.postgres import rows

pytestmark = [pytest.mark.postgres, pytest.mark.unaudited]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 100_000
BATCH = 100
BUFFERS_MAX = 3000
"""Pages that a claim of 100 tasks may touch: for each the row, and its new version in 3 indexes."""
TOKEN = UUID(int=1)
KEYS = [str(number) for number in range(1, BATCH + 1)]

STATEMENTS: dict[str, tuple[str, Any]] = {
    "claim": (tasks._CLAIM, {"process": "p", "now": NOW, "tasks_max": BATCH, "repeats_max": BATCH,
                             "lease": timedelta(seconds=10), "token": TOKEN}),
    "finish": (tasks._FINISH, {"process": "p", "keys": KEYS, "token": TOKEN}),
    "forget": (tasks._FORGET, ("p", KEYS, TOKEN)),
    "repeat": (tasks._REPEAT, (KEYS, [NOW] * BATCH, [1] * BATCH, [""] * BATCH, "p", TOKEN)),
    "park": (tasks._PARK, (KEYS, [""] * BATCH, "p", TOKEN)),
    "lock": (tasks._LOCK_TASKS, ("p", KEYS)),
    "cancel": (tasks._CANCEL, {"process": "p", "keys": KEYS}),
    "free lanes": (tasks._FREE_LANES, {"process": "p", "lanes": ["lane 0", "lane 1", "lane 2"]}),
}  # fmt: skip


@pytest.fixture(scope="module", params=["none", "due", "lanes", "repeated"])
def database(request: pytest.FixtureRequest, make_ledger: Callable[[], str]) -> str:
    """A ledger with 100,000 tasks of a kind that are all due, or with none; it is not analyzed."""
    url, kind = make_ledger(), request.param
    size = 0 if kind == "none" else SIZE
    lane = "'lane ' || mod(n, 3), n > 3" if kind == "lanes" else "'', false"
    rows(url, "insert into ledger.process_positions values ('p', 0)", fetch=False)
    rows(
        url,
        "insert into ledger.tasks (process, key, due_at, payload, attempts, lane, waits) "
        f"select 'p', n::text, %s, '{{}}', {int(kind == 'repeated')}, {lane} "
        f"from generate_series(1, {size}) n",
        NOW,
        fetch=False,
    )
    return url


def explain(connection: Connection[Any], query: str, parameters: Any, options: str) -> str:
    """The plan of a statement, executed in a transaction that is rolled back."""
    connection.execute("begin")
    found = connection.execute(f"explain ({options}) {query}".encode(), parameters).fetchall()
    connection.execute("rollback")
    return "\n".join(line for (line,) in found)


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_finds_its_tasks_by_an_index(database: str, name: str) -> None:
    with connect(database, DatabaseRole.PROJECTOR) as connection:
        plan = explain(connection, *STATEMENTS[name], "analyze, buffers, costs off, timing off")

    scans = re.findall(r"(\w+ Scan\b.*) on tasks\b.*\n *(.*)", plan)
    assert scans, plan
    for _, below in scans:
        assert below.startswith(("Index Cond", "Recheck Cond")), plan
    touched = re.findall(r"Buffers: shared hit=(\d+)(?: read=(\d+))?", plan)
    assert sum(map(int, filter(None, touched[0]))) <= BUFFERS_MAX, plan


def test_counting_reads_no_more_than_is_due(database: str) -> None:
    parameters = {"now": NOW, "late": NOW, "most": SIZE}
    with connect(database, DatabaseRole.READER) as connection:
        plan = explain(connection, _COUNTS, parameters, "costs off")

    scans = re.findall(r"(\w+ Scan\b.*) on tasks\b.*\n *(.*)", plan)
    assert len(scans) >= 9, plan
    for _, below in scans:
        assert below.startswith(("Index Cond", "Recheck Cond")), plan
