"""Lines of the stream say what the pages of `/v1/events` say, whatever is stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.views.events import event_view
from application.event_log import Event, Recorded
from domain.ids import suffix_of
from infrastructure.event_store.mapper import LedgerMapper, schema_version
from infrastructure.streaming.base32 import suffixes
from infrastructure.streaming.lines import POSTGRES_EPOCH, lines
from tests.support.golden import EVENTS

AT = datetime(2026, 11, 20, 10, 12, 33, 1, UTC)
STATES = [
    b'{"timestamp":"2026-11-20T10:12:33.000001Z","order_id":"caf\xc3\xa9 \\u2028"}',
    b'{"a": "\\ud800", "b": "\\ud83d\\ude00"}',
    b'{"originator_topic":"x:Y","class_version":2,"a":1}',
    b'{\n "a": 1\n}',
    b'{"a":"class_version","b":{"c":[1,2.5,null,true]}}',
    b'{"timestamp":"t","originator_topic":"x","class_version":2}',
    b'{"timestamp":"t","originator_topic":"x"}',
    b'{"timestamp":"t","class_version":2}',
    b'{"class_version":2}',
    b'{"timestamp":"t","a":1,"class_version":7}',
    b'{"timestamp":"t","originator_topic":"x","a":{"originator_topic":"y"},"class_version":2}',
    b'{"timestamp":"t","a":{"timestamp":"t","originator_topic":"x","class_version":2}}',
    b'{"timestamp":{"timestamp":"t","originator_topic":"x","b":1},"class_version":2}',
    b'{"a":{"timestamp":"t","originator_topic":"x","b":1},"class_version":2}',
    b'{"timestamp":"t\\",\\"originator_topic\\":\\"x\\","}',
    b'{"timestamp":"t","originator_topic":"x\\"y","a":1}',
    b'{"timestamp":"t","a":",\\"class_version\\":2}","b":"class_version"}',
    b'{ "timestamp": "t", "originator_topic": "x", "class_version": 2 }',
    b'{"timestamp":"t","class_version":2,"originator_topic":"x","a":"\\ud800"}',
]


def undecoded(recorded: Recorded) -> Event:
    raise NotImplementedError(recorded.topic)


def both(recorded: Recorded) -> tuple[bytes, bytes]:
    """The line, and the document of the page."""
    return lines([row_of(recorded)]), msgspec.json.encode(event_view(recorded))


def row_of(recorded: Recorded) -> tuple[Any, ...]:
    """The event as PostgreSQL sends it."""
    return (
        recorded.position, recorded.stream_id.bytes, recorded.version, recorded.topic,
        recorded.state, (recorded.recorded_at - POSTGRES_EPOCH) // timedelta(microseconds=1),
        recorded.event_id.bytes, recorded.command_id.bytes, recorded.actor, recorded.trace_id,
        recorded.schema_version,
    )  # fmt: skip


def stored(
    topic: str, state: bytes, number: int = 1, *, version: int = 3, schema_version: int = 1
) -> Recorded:
    ids = (UUID(int=number), UUID(int=2**128 - number), UUID(int=number * 2**64))
    stream, event, command = ids
    return Recorded(
        number, stream, version, topic, state, AT + timedelta(microseconds=number), event, command,
        "cli:ann", "trace", schema_version, undecoded,
    )  # fmt: skip


def golden(number: int) -> Recorded:
    event = EVENTS[number]
    made = LedgerMapper().to_stored_event(event)
    return stored(
        type(event).TOPIC, made.state, number + 1,
        version=made.originator_version, schema_version=schema_version(type(event)),
    )  # fmt: skip


@pytest.mark.parametrize("number", range(len(EVENTS)))
def test_a_line_of_any_event_is_its_document_to_the_byte(number: int) -> None:
    line, document = both(golden(number))

    assert line == document + b"\n"
    assert b"class_version" not in line
    assert b"originator_topic" not in line


@pytest.mark.parametrize("schema_version", [1, 2])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("topic", ["payment_session.created", "of_a_later_program.done"])
def test_a_line_of_any_stored_bytes_is_their_document(
    state: bytes, topic: str, version: int, schema_version: int
) -> None:
    line, document = both(stored(topic, state, version=version, schema_version=schema_version))

    assert json.loads(line) == json.loads(document)
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")


def test_lines_of_a_page_are_those_of_its_events() -> None:
    plain = [golden(number) for number in range(len(EVENTS))]
    unusual = [stored("order.opened", state, number + 1) for number, state in enumerate(STATES)]

    for page in ([], plain, plain + unusual, unusual):
        assert lines([row_of(one) for one in page]) == b"".join(both(one)[0] for one in page)


@given(st.lists(st.integers(0, 2**128 - 1)))
def test_ids_made_together_are_those_made_alone(numbers: list[int]) -> None:
    made = suffixes([number.to_bytes(16) for number in numbers])

    assert made == [suffix_of(number) for number in numbers]
