"""Writes the log as Parquet, a file for each month. Needs the extra `lake`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from application.consumer import LogCorrupt
from application.event_log import PAGE_EVENTS_MAX, EventLog, Recorded
from domain import ids
from infrastructure.exports.output import OutputError, bytes_written_whole
from infrastructure.lake.columns import AMOUNTS, CURRENCIES, FORMAT, OWNER, row
from infrastructure.lake.months import MonthRange, months_of
from infrastructure.lake.restrictions import LakeLog, Restrictions

GROUP_EVENTS_MAX: Final = 20 * PAGE_EVENTS_MAX
"""Of a row group: what is in memory at a time."""
KEY: Final = "qrledger"
"""Of the file's own metadata: which events it has, as JSON."""
SCHEMA: Final = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("command_id", pa.string(), nullable=False),
        pa.field("schema_version", pa.int32(), nullable=False),
        pa.field("data", pa.json_(pa.utf8()), nullable=False),
        *(pa.field(name, pa.string()) for name in (OWNER, *CURRENCIES)),
        *(pa.field(name, pa.int64()) for name in AMOUNTS),
    ]
)


@dataclass(slots=True)
class Done:
    """What an export has written, and what it found complete."""

    events: int = 0
    written: int = 0
    kept: int = 0
    """Files that had every event already."""


def export(
    log: LakeLog,
    folder: Path,
    *,
    first: str | None = None,
    end: str | None = None,
    without_text: bool = False,
    on_page: Callable[[int], Any] = lambda _position: None,
) -> Done:
    """Write the months from `first` up to, but not including, `end` to a folder.

    A file appears when it is complete. Run again, an export keeps the files that have every event
    of their month, so it goes on where an interrupted one was.

    Raises (checked in this order):
        InvalidRequest: a bound is no month, or they are reversed; names the option.
        OutputError: the folder or a file cannot be written, or a file there is not of this ledger.
        LogUnavailable: nothing could be read.
        LogCorrupt: a position is missing.
    """
    done, months = Done(), months_of(log, first, end)
    restrictions = Restrictions(log, log.head())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder} cannot be written: {error.strerror or error}"
        raise OutputError(msg) from None
    for month in months:
        path = folder / f"events-{month.name}.parquet"
        facts = _facts(log, month, restrictions, without_text=without_text)
        if path.exists() and _is_complete(path, facts):
            done.kept += 1
        else:
            with bytes_written_whole(path) as file:
                _write(log, month, file, facts, restrictions, on_page)
            done.written += 1
        done.events += month.end - month.first
        on_page(month.end - 1)
    return done


def _facts(
    log: EventLog, month: MonthRange, restrictions: Restrictions, *, without_text: bool
) -> dict[str, Any]:
    """Which events the file of a month has; equal facts are equal events."""
    [first], [last] = (log.read(position - 1, 1) for position in (month.first, month.end - 1))
    return {
        "format": FORMAT,
        "month": month.name,
        "first_position": first.position,
        "first_event_id": ids.encode("evt", first.event_id),
        "last_position": last.position,
        "last_event_id": ids.encode("evt", last.event_id),
        "without_text": without_text,
        "restricted_position": restrictions.last_that_changes(month.first, month.end),
    }


def _is_complete(path: Path, facts: Mapping[str, Any]) -> bool:
    """Whether a file has the events that the facts say; it must be one of this ledger.

    Raises:
        OutputError: it is not; or it has events that the log does not have.
    """
    try:
        found = json.loads((parquet.read_metadata(path).metadata or {})[KEY.encode()])
        same = (found["month"], found["first_event_id"]) == (
            facts["month"],
            facts["first_event_id"],
        )
        ahead = found["last_position"] > facts["last_position"]
    except (pa.ArrowInvalid, KeyError, TypeError, ValueError):
        same = ahead = False
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise OutputError(msg) from None
    if not same or ahead:
        msg = f"{path} was not exported from this ledger; name another folder"
        raise OutputError(msg)
    return bool(found == facts)


def _write(
    log: EventLog,
    month: MonthRange,
    file: BinaryIO,
    facts: Mapping[str, Any],
    restrictions: Restrictions,
    on_page: Callable[[int], Any],
) -> None:
    with parquet.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        without_text = facts["without_text"]
        for group in _groups(log, month, restrictions, without_text=without_text, on_page=on_page):
            columns = zip(*group, strict=True)
            arrays = [
                pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
        writer.add_key_value_metadata({KEY: json.dumps(facts)})


def _groups(
    log: EventLog,
    month: MonthRange,
    restrictions: Restrictions,
    *,
    without_text: bool,
    on_page: Callable[[int], Any],
) -> Iterator[list[tuple[Any, ...]]]:
    group: list[tuple[Any, ...]] = []
    for page in _pages(log, month):
        group += (
            row(recorded, without_text=without_text, restricted=restrictions.covers(recorded))
            for recorded in page
        )
        on_page(page[-1].position)
        if len(group) >= GROUP_EVENTS_MAX:
            yield group
            group = []
    if group:
        yield group


def _pages(log: EventLog, month: MonthRange) -> Iterator[Sequence[Recorded]]:
    after = month.first - 1
    while after < month.end - 1:
        wanted = min(PAGE_EVENTS_MAX, month.end - 1 - after)
        page = log.read(after, wanted)
        if len(page) < wanted or page[-1].position != after + wanted:
            msg = f"the log has a gap: not all of {after + 1} to {after + wanted} exist"
            raise LogCorrupt(msg)
        after += wanted
        yield page
