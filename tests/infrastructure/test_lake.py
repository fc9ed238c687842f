"""The log as Parquet: every event once, by month, whole files or none, typed, in constant memory."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import util
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from eventsourcing.persistence import StoredEvent
from pyarrow import parquet

from application.consumer import LogCorrupt
from application.event_log import PAGE_EVENTS_MAX, AppendRequest, Recorded
from domain import ids
from domain.errors import InvalidRequest
from domain.merchants.merchant import Merchant
from domain.personal_data import FREE_TEXT
from infrastructure.cli import program
from infrastructure.cli.audit_lake import NEEDS
from infrastructure.event_store import registry
from infrastructure.event_store.mapper import LedgerMapper, schema_version
from infrastructure.event_store.postgres_log import PostgresLog
from infrastructure.exports.output import OutputError
from infrastructure.lake import export as lake
from infrastructure.lake.columns import AMOUNTS, COLUMNS, CURRENCIES, OWNER, TYPED, row
from infrastructure.lake.export import Done, export
from tests.support.book_history import BookHistory
from tests.support.golden import EVENTS, GOLDEN
from tests.support.ledger_fixture import LedgerFixture
from tests.support.memory_log import START, MemoryLog

DAY = 24 * 3600
MONTHS = ["2026-01", "2026-02", "2026-04"]
MEMORY_BYTES_MAX = 60_000_000
"""A row group as Python objects, and far less than all events."""


@pytest.fixture
def log() -> MemoryLog:
    """Events of January, February and April."""
    history = BookHistory(seed=3)
    for payments, days in ((20, 31), (40, 59), (60, 0)):
        history.run(payments)
        history.log.advance(days * DAY)
    return history.log


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def events(folder: Path) -> list[dict[str, Any]]:
    return [
        event
        for name in files(folder)
        for event in parquet.read_table(folder / name, schema=None).to_pylist()
    ]


def test_every_event_is_in_the_file_of_its_month_once(log: MemoryLog, tmp_path: Path) -> None:
    done = export(log, tmp_path)

    assert files(tmp_path) == [f"events-{month}.parquet" for month in MONTHS]
    assert done == Done(events=log.head(), written=3)
    found = events(tmp_path)
    assert [one["position"] for one in found] == list(range(1, log.head() + 1))
    for one, recorded in zip(found, log.events, strict=True):
        assert one["recorded_at"] == recorded.recorded_at
        assert (one["type"], one["version"]) == (recorded.topic, recorded.version)
        assert one["subject"] == ids.subject(recorded.topic, recorded.stream_id)
        assert one["event_id"] == ids.encode("evt", recorded.event_id)
        assert one["command_id"] == str(recorded.command_id)
        assert one["actor"] == recorded.actor
    for name in files(tmp_path):
        months = {one["recorded_at"].strftime("%Y-%m") for one in events_of(tmp_path / name)}
        assert months == {name.removeprefix("events-").removesuffix(".parquet")}


def events_of(path: Path) -> list[dict[str, Any]]:
    return list(parquet.read_table(path).to_pylist())


def test_amounts_and_payloads_are_those_of_the_events(log: MemoryLog, tmp_path: Path) -> None:
    export(log, tmp_path)

    for one, recorded in zip(events(tmp_path), log.events, strict=True):
        members = vars(recorded.event)
        assert {name: one[name] for name in TYPED if one[name] is not None} == {
            name: members[name] for name in TYPED if members.get(name) not in {None, ""}
        }
        data = json.loads(recorded.state)
        data.pop("originator_topic", None)
        data.pop("class_version", None)
        assert json.loads(one["data"]) == data


def test_every_amount_and_currency_of_every_event_has_a_column() -> None:
    members = {
        name
        for event in registry.EVENTS.values()
        for name in event.__dataclass_fields__
        if name.endswith(("_minor", "currency"))
    }

    assert members == {*AMOUNTS, *CURRENCIES}
    assert len(TYPED) == len({*TYPED, *COLUMNS}) - len(COLUMNS)
    assert TYPED[0] == OWNER


def test_an_export_that_is_run_again_keeps_complete_files(log: MemoryLog, tmp_path: Path) -> None:
    export(log, tmp_path)
    before = {name: (tmp_path / name).stat().st_ino for name in files(tmp_path)}

    again = export(log, tmp_path)
    merchant = Merchant.register(merchant_id=UUID(int=7), name="New", return_hosts=(), at=log.clock)
    log.append([AppendRequest(UUID(int=8), b"", list(merchant.collect_events()))])
    grown = export(log, tmp_path)

    assert again == Done(events=log.head() - 1, kept=3)
    assert grown == Done(events=log.head(), written=1, kept=2)
    changed = {name for name in before if (tmp_path / name).stat().st_ino != before[name]}
    assert changed == {"events-2026-04.parquet"}
    assert [one["position"] for one in events(tmp_path)] == list(range(1, log.head() + 1))


def test_an_interrupted_export_leaves_whole_files_and_goes_on(
    log: MemoryLog, tmp_path: Path
) -> None:
    positions: list[int] = []

    def interrupt(position: int) -> None:
        positions.append(position)
        if log.events[position - 1].recorded_at.month == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(log, tmp_path, on_page=interrupt)

    assert files(tmp_path) == ["events-2026-01.parquet"]
    assert export(log, tmp_path) == Done(events=log.head(), written=2, kept=1)


@pytest.mark.parametrize(
    ("first", "end", "expected"),
    [
        ("2026-02", None, MONTHS[1:]),
        (None, "2026-02", MONTHS[:1]),
        ("2026-02", "2026-03", MONTHS[1:2]),
        ("2026-03", "2026-04", []),
        ("2026-02", "2026-02", []),
        ("2000-01", "2999-12", MONTHS),
        ("2999-12", None, []),
    ],
)
def test_months_are_chosen_from_the_first_up_to_the_last(
    log: MemoryLog, tmp_path: Path, first: str | None, end: str | None, expected: list[str]
) -> None:
    export(log, tmp_path, first=first, end=end)

    assert files(tmp_path) == [f"events-{month}.parquet" for month in expected]


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "2026-1", "1999-12", "3000-01", "2026-01-01", "٢٠٢٦-٠١", "2026-01\n"]
)  # fmt: skip
def test_a_bound_that_is_no_month_is_refused(text: str, tmp_path: Path) -> None:
    for bounds in ({"first": text}, {"end": text}):
        with pytest.raises(InvalidRequest):
            export(MemoryLog(), tmp_path, **bounds)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        export(MemoryLog(), tmp_path, first="2026-02", end="2026-01")


def test_an_empty_log_has_no_file(tmp_path: Path) -> None:
    assert export(MemoryLog(), tmp_path) == Done()
    assert files(tmp_path) == []


def test_files_of_another_ledger_or_of_a_lost_future_are_not_replaced(
    log: MemoryLog, tmp_path: Path
) -> None:
    other, behind, foreign, corrupt = (tmp_path / str(number) for number in range(4))
    export(BookHistory(seed=4).run(5), other)
    (other / "events-2026-01.parquet").rename(other / "x")
    export(log, behind)
    set_back = MemoryLog()
    set_back.events = log.events[: log.head() - 1]
    for folder, content in ((foreign, None), (corrupt, b"PAR1 no")):
        folder.mkdir()
        path = folder / "events-2026-01.parquet"
        if content is None:
            parquet.write_table(pa.table({"position": [1]}), path)
        else:
            path.write_bytes(content)

    with pytest.raises(OutputError, match="not exported from this ledger"):
        export(set_back, behind)
    for folder in (foreign, corrupt):
        before = (folder / "events-2026-01.parquet").read_bytes()
        with pytest.raises(OutputError, match="not exported from this ledger"):
            export(log, folder)
        assert (folder / "events-2026-01.parquet").read_bytes() == before
        assert files(folder) == ["events-2026-01.parquet"]


def test_a_folder_that_cannot_be_written_is_refused(log: MemoryLog, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "events-2026-01.parquet").mkdir()

    for folder in (tmp_path / "file", tmp_path / "file" / "inner", tmp_path):
        with pytest.raises(OutputError):
            export(log, folder)


def stored(topic: str, state: bytes, version: int = 1, actor: str = "cli:anna") -> Recorded:
    mapper = LedgerMapper()
    return Recorded(
        1, UUID(int=1), 1, topic, state, START, UUID(int=2), UUID(int=3), actor, "", version,
        lambda recorded: mapper.to_domain_event(
            _stored_event(recorded)
        ),
    )  # fmt: skip


def _stored_event(recorded: Recorded) -> Any:
    return StoredEvent(recorded.stream_id, recorded.version, recorded.topic, recorded.state)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_event_ever_stored_is_a_row(path: Path) -> None:
    golden = json.loads(path.read_text())
    recorded = stored(golden["topic"], golden["state"].encode())

    found = dict(zip([*COLUMNS, *TYPED], row(recorded), strict=True))

    members = vars(recorded.event)
    assert {name: found[name] for name in AMOUNTS} == {name: members.get(name) for name in AMOUNTS}
    assert found["actor"] == "cli:anna"


def test_an_unknown_event_and_odd_text_are_rows_too() -> None:
    state = (
        rb'{"amount_minor":1,"name":"\ud800\u0000","originator_topic":"later","class_version":2}'
    )

    found = dict(zip([*COLUMNS, *TYPED], row(stored("later.event", state, 2)), strict=True))

    assert json.loads(found["data"]) == {"amount_minor": 1, "name": "\ufffd\x00"}
    assert found["subject"] == str(UUID(int=1))
    assert all(found[name] is None for name in TYPED)
    without = row(stored("later.event", state, 2), without_text=True)
    assert without[COLUMNS.index("data")] == "{}"


def test_without_text_no_free_text_remains() -> None:
    kept: Counter[str] = Counter()
    for event in EVENTS:
        topic, mapper = type(event).TOPIC, LedgerMapper()
        recorded = stored(topic, mapper.encode(event), schema_version(type(event)))

        found = dict(zip([*COLUMNS, *TYPED], row(recorded, without_text=True), strict=True))

        data = json.loads(found["data"])
        before = json.loads(row(recorded)[COLUMNS.index("data")])
        assert data.keys() == before.keys()
        for name, value in data.items():
            if name in FREE_TEXT.get(topic, {}):
                assert not value, (topic, name)
            else:
                assert value == before[name]
                kept[topic] += 1
        assert found["actor"] == "cli:"
    assert len(kept) > 60


def test_a_file_with_text_is_not_taken_for_one_without(log: MemoryLog, tmp_path: Path) -> None:
    export(log, tmp_path)

    done = export(log, tmp_path, without_text=True)

    assert done == Done(events=log.head(), written=3)
    merchants = [one for one in events(tmp_path) if one["type"] == "merchant.registered"]
    assert {json.loads(one["data"])["name"] for one in merchants} == {""}


class GapLog(MemoryLog):
    """A log that lacks a position."""

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        found = [one for one in self.events if one.position > after and one.position != 7]
        return found[:limit]


def test_a_log_with_a_gap_is_not_exported(log: MemoryLog, tmp_path: Path) -> None:
    gap = GapLog()
    gap.events = log.events

    with pytest.raises(LogCorrupt):
        export(gap, tmp_path)

    assert files(tmp_path) == []


class LongLog(MemoryLog):
    """The events of a log, over and over."""

    def __init__(self, pattern: Sequence[Recorded], length: int) -> None:
        super().__init__()
        self._pattern, self._length = pattern, length

    def head(self) -> int:
        return self._length

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        last = min(after + min(limit, 1000), self._length)
        return [
            self._pattern[number % len(self._pattern)]._replace(
                position=number + 1, recorded_at=START
            )
            for number in range(after, last)
        ]


def test_memory_does_not_depend_on_the_number_of_events(
    log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = 2 * PAGE_EVENTS_MAX
    monkeypatch.setattr(lake, "GROUP_EVENTS_MAX", events)
    peaks = []
    for groups in (2, 4):
        tracemalloc.start()
        try:
            export(LongLog(log.events, groups * events + 1), tmp_path / str(groups))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    assert peaks[1] < MEMORY_BYTES_MAX
    assert peaks[1] < peaks[0] * 1.2
    [path] = (tmp_path / "4").iterdir()
    assert parquet.read_metadata(path).num_row_groups == 5


def run(url: str, tmp_path: Path, *arguments: str) -> Result:
    environment = {"QRLEDGER_DATABASE_URL": url, "QRLEDGER_HOME": str(tmp_path / "home")}
    return CliRunner().invoke(program, ["audit", "parquet", *arguments], env=environment)


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str, find: Callable[[str], Any] = util.find_spec) -> Any:
        return None if name == "pyarrow" else find(name)

    monkeypatch.setattr("infrastructure.cli.audit_lake.find_spec", missing)

    found = run("postgresql://nobody@127.0.0.1:1/none", tmp_path, "--output", str(tmp_path / "x"))

    assert (found.exit_code, found.output) == (2, f"qrledger: {NEEDS}\n")
    assert "[lake]" in NEEDS
    assert not (tmp_path / "x").exists()


@pytest.mark.postgres
def test_the_command_writes_the_ledger_and_refuses_in_one_line(
    database_url: str, postgres_log: PostgresLog, tmp_path: Path
) -> None:
    LedgerFixture(postgres_log).create_session(description="two coffees")
    head, folder = postgres_log.head(), tmp_path / "lake"

    first = run(database_url, tmp_path, "--output", str(folder))
    again = run(database_url, tmp_path, "--output", str(folder), "--without-text")
    refused = run(database_url, tmp_path, "--output", str(folder), "--from", "soon")
    (tmp_path / "file").write_text("")
    no_folder = run(database_url, tmp_path, "--output", str(tmp_path / "file"))

    assert first.output == f"{folder}: {head} events in 1 files written, 0 kept\n"
    assert again.exit_code == 0
    assert [one["position"] for one in events(folder)] == list(range(1, head + 1))
    assert "coffees" not in json.dumps([one["data"] for one in events(folder)])
    for result in (refused, no_folder):
        assert (result.exit_code, result.output.count("\n")) == (2, 1)
