"""Lines of the stream say what the pages of `/v1/events` say, whatever is stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from api.views.events import event_view
from application.event_log import Event, Recorded
from infrastructure.event_store.mapper import LedgerMapper
from infrastructure.streaming.lines import POSTGRES_EPOCH, lines
from tests.support.golden import EVENTS

AT = datetime(2026, 11, 20, 10, 12, 33, 1, UTC)
STATES = [
    b'{"timestamp":"2026-11-20T10:12:33.000001Z","order_id":"caf\xc3\xa9 \\u2028"}',
    b'{"a": "\\ud800", "b": "\\ud83d\\ude00"}',
    b'{"originator_topic":"x:Y","class_version":2,"a":1}',
    b'{\n "a": 1\n}',
    b'{"a":"class_version","b":{"c":[1,2.5,null,true]}}',
]


def undecoded(recorded: Recorded) -> Event:
    raise NotImplementedError(recorded.topic)


def both(recorded: Recorded) -> tuple[bytes, bytes]:
    """The line, and the document of the page."""
    row = (
        recorded.position, recorded.stream_id.bytes, recorded.version, recorded.topic,
        recorded.state, (recorded.recorded_at - POSTGRES_EPOCH) // timedelta(microseconds=1),
        recorded.event_id.bytes, recorded.command_id.bytes, recorded.actor, recorded.trace_id,
        recorded.schema_version,
    )  # fmt: skip
    return lines([row]), msgspec.json.encode(event_view(recorded))


def stored(topic: str, state: bytes, number: int = 1) -> Recorded:
    ids = (UUID(int=number), UUID(int=2**128 - number), UUID(int=number * 2**64))
    stream, event, command = ids
    return Recorded(
        number, stream, 3, topic, state, AT + timedelta(microseconds=number), event, command,
        "cli:ann", "trace", 1, undecoded,
    )  # fmt: skip


@pytest.mark.parametrize("number", range(len(EVENTS)))
def test_a_line_of_any_event_is_its_document(number: int) -> None:
    event = EVENTS[number]
    made = LedgerMapper().to_stored_event(event)

    line, document = both(stored(type(event).TOPIC, made.state, number + 1))

    assert json.loads(line) == json.loads(document)
    assert list(json.loads(line)) == list(json.loads(document))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("topic", ["payment_session.created", "of_a_later_program.done"])
def test_a_line_of_any_stored_bytes_is_their_document(state: bytes, topic: str) -> None:
    line, document = both(stored(topic, state))

    assert json.loads(line) == json.loads(document)
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
