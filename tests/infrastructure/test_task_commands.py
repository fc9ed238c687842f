"""`qrledger tasks`: list, retry and drop; the counts in `status` and in the metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from application.ports.tasks import Changes, Parked, Retried
from application.processes.process import Task
from infrastructure.cli import program
from infrastructure.metrics import PrometheusMetrics
from infrastructure.postgres.connections import ConnectionPool, DatabaseRole, connect
from infrastructure.postgres.tasks import PostgresTasks
from infrastructure.task_counts import read_task_counts

pytestmark = pytest.mark.postgres
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Tasks:
    """Tasks of the process `calls`: p1 and p2 are parked, one is repeated, others wait."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool = ConnectionPool(url, DatabaseRole.PROJECTOR, size_max=1)
        self.store = PostgresTasks(self.pool)
        self.store.begin("calls", 0, frozenset())
        self.store.record("calls", 0, 0, Changes((), [self.task("p1", "a"), self.task("p2")]))
        self.settle(Parked("p1", "account closed"), Parked("p2", "unclear"))
        self.store.record("calls", 0, 0, Changes((), [self.task("r")]))
        self.settle(Retried("r", NOW + timedelta(seconds=5), 1, "busy"))
        later = [self.task("w1", "a"), self.task("w2", "a"), self.task("z", seconds=60)]
        self.store.record("calls", 0, 0, Changes((), later))

    @staticmethod
    def task(key: str, lane: str = "", seconds: float = 0) -> Task:
        return Task(key=key, due_at=NOW + timedelta(seconds=seconds), lane=lane, payload={"k": key})

    def claim(self, seconds: float = 0) -> list[str]:
        self.token = uuid4()
        claimed = self.store.claim(
            "calls", now=NOW + timedelta(seconds=seconds), tasks_max=10, repeats_max=10,
            lease_seconds=10, token=self.token,
        )  # fmt: skip
        return sorted(one.task.key for one in claimed)

    def settle(self, *settlements: Any) -> None:
        self.claim()
        self.store.settle("calls", self.token, settlements)

    def run(self, *words: str) -> Result:
        environment = {"QRLEDGER_DATABASE_URL": self.url, "QRLEDGER_MODE": "test"}
        return CliRunner().invoke(program, ["tasks", *words], env=environment)

    def listed(self, *words: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.run("list", "--json", *words).output)
        return document


@pytest.fixture
def tasks(database_url: str) -> Iterator[Tasks]:
    tasks = Tasks(database_url)
    yield tasks
    tasks.pool.close()


def test_tasks_are_listed_by_process_and_key(tasks: Tasks) -> None:
    tasks.claim()
    everything, parked = tasks.listed(), tasks.listed("--parked")
    text = tasks.run("list", "--process", "calls", "--parked").output

    assert [(one["key"], one["state"]) for one in everything["data"]] == [
        ("p1", "parked"), ("p2", "parked"), ("r", "waiting"), ("w1", "leased"),
        ("w2", "behind-another"), ("z", "waiting"),
    ]  # fmt: skip
    assert everything["next"] is None
    assert parked["data"][0] == {
        "process": "calls", "key": "p1", "due_at": "2026-01-01T00:00:00.000000Z",
        "state": "parked", "attempts": 1, "cancelled": False, "lane": "a",
        "reason": "account closed", "payload": {"k": "p1"},
    }  # fmt: skip
    assert [one["key"] for one in parked["data"]] == ["p1", "p2"]
    assert text.splitlines()[0] == (
        "calls  p1  due 2026-01-01T00:00:00.000000Z  parked  1 attempt  lane a  account closed"
    )


def test_a_long_list_has_pages(tasks: Tasks) -> None:
    first = tasks.listed("--limit", "4")
    words = ("--process", first["next"]["process"], "--after", first["next"]["after"])
    second = tasks.listed(*words)

    assert len(first["data"]) == 4
    assert first["next"] == {"process": "calls", "after": "w1"}
    assert [one["key"] for one in second["data"]] == ["w2", "z"]
    assert "--process calls --after w1" in tasks.run("list", "--limit", "4").stderr


def test_a_parked_task_is_retried_with_all_its_attempts(tasks: Tasks) -> None:
    result = tasks.run("retry", "calls", "p2")

    assert (result.exit_code, result.output) == (0, "calls p2 is due again\n")
    assert tasks.claim() == ["p2", "w1"]


def test_every_parked_task_is_retried(tasks: Tasks) -> None:
    result = tasks.run("retry", "calls", "--all-parked")

    assert result.output == "2 tasks of calls are due again\n"
    assert tasks.listed("--parked")["data"] == []


def test_a_parked_task_is_dropped(tasks: Tasks) -> None:
    result = tasks.run("drop", "calls", "p1")

    assert (result.exit_code, result.output) == (0, "calls p1 is dropped\n")
    assert [one["key"] for one in tasks.listed("--parked")["data"]] == ["p2"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        ("retry calls w1 p1 x", 1, "not parked: w1, x; `qrledger tasks list --parked` shows"),
        ("drop calls r", 1, "not parked: r"),
        ("drop other p1", 2, "there is no process 'other'; known: calls"),
        ("retry calls", 2, "name the KEYS of tasks, or --all-parked"),
        ("retry calls p1 --all-parked", 2, "name the KEYS"),
        ("list --after p1", 2, "--after needs --process"),
        ("list --process other", 2, "there is no process 'other'"),
    ],
)
def test_mistakes_are_one_line(tasks: Tasks, words: str, code: int, error: str) -> None:
    result = tasks.run(*words.split())

    assert result.exit_code == code
    assert error in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_tasks_of_each_process_are_counted(tasks: Tasks) -> None:
    tasks.claim()
    with connect(tasks.url, DatabaseRole.READER) as connection:
        counts, *others = read_task_counts(connection, NOW + timedelta(seconds=31))
        early = read_task_counts(connection, NOW - timedelta(seconds=1))[0]

    assert [one.process for one in others] == ["push", "webhooks"]  # since their migrations
    assert (counts.process, counts.due, counts.late) == ("calls", 3, 2)
    assert (counts.retried, counts.parked, counts.oldest_seconds) == (1, 2, 31.0)
    assert counts.next_at == NOW
    assert (early.due, early.late, early.parked, early.oldest_seconds) == (0, 0, 2, 0)


def test_the_counts_are_metrics(tasks: Tasks) -> None:
    def count() -> Any:
        with connect(tasks.url, DatabaseRole.WRITER) as connection:
            return read_task_counts(connection, NOW + timedelta(seconds=31))

    def fail() -> Any:
        raise OSError

    text = PrometheusMetrics(tasks=count).exposition().decode()

    for line in ("due 3.0", "late 2.0", "retried 1.0", "parked 2.0", "oldest_seconds 31.0"):
        name, value = line.split()
        assert f'qrledger_tasks_{name}{{process="calls"}} {value}' in text
    assert "qrledger_tasks_due" not in PrometheusMetrics(tasks=fail).exposition().decode()


def test_what_became_of_tasks_is_counted() -> None:
    metrics = PrometheusMetrics()

    metrics.tasks_settled(process="calls", outcome="parked", tasks=3)

    assert (
        'qrledger_tasks_total{outcome="parked",process="calls"} 3.0'
        in metrics.exposition().decode()
    )
