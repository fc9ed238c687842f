"""Events to bytes and back, including events older than the code."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent

from application.event_log import UnknownEvent
from domain.aggregate import LedgerAggregate
from infrastructure.event_store import registry
from infrastructure.event_store.mapper import LedgerMapper
from infrastructure.event_store.registry import events_of
from tests.support.golden import EVENTS

AT = datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=UTC)


class Shop(LedgerAggregate):
    """An aggregate whose event changed its fields twice."""

    TOPIC = "test_shop"

    class Event(Aggregate.Event):
        TOPIC = "test_shop.event"

    class Opened(Event, Aggregate.Created):
        TOPIC = "test_shop.opened"
        class_version = 3
        name: str
        country: str
        city: str

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["country"] = "DE"

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            state["city"] = state.pop("town", "?")


class ShopMapper(LedgerMapper):
    """Knows only the events of the shop."""

    events = events_of([Shop])


def stored(state: bytes, topic: str = "test_shop.opened") -> StoredEvent:
    return StoredEvent(uuid4(), 1, topic, state)


OLD = b'{"timestamp":"2026-01-01T12:00:00.000001Z","originator_topic":"test_shop","name":"A"'


@pytest.mark.parametrize(
    ("state", "country", "city"),
    [
        (OLD + b"}", "DE", "?"),
        (OLD + b',"country":"FR","town":"Lyon","class_version":2}', "FR", "Lyon"),
        (OLD + b',"country":"FR","city":"Nice","class_version":3}', "FR", "Nice"),
    ],
)
def test_old_bytes_are_upcast_step_by_step(state: bytes, country: str, city: str) -> None:
    event: Any = ShopMapper().to_domain_event(stored(state))

    assert (event.name, event.country, event.city, event.timestamp) == ("A", country, city, AT)


def test_the_current_version_is_stored_and_read_back() -> None:
    opened: Any = Shop.Opened
    event = opened(
        originator_id=uuid4(),
        originator_version=1,
        timestamp=AT,
        originator_topic="test_shop",
        name="A",
        country="FR",
        city="Nice",
    )
    mapper = ShopMapper()

    written = mapper.to_stored_event(event)

    assert b'"class_version":3' in written.state
    assert mapper.to_domain_event(written) == event


@pytest.mark.parametrize("state", [b"", b"{", b"[]", b'{"name":1}', b"\xff", b'{"timestamp":"x"}'])
def test_unreadable_bytes_are_reported_with_topic_and_stream(state: bytes) -> None:
    with pytest.raises(MapperDeserialisationError, match=r"test_shop.opened"):
        ShopMapper().to_domain_event(stored(state))


@pytest.mark.parametrize("topic", ["this:", "antigravity", "os:system", "payment_session.refunded"])
def test_a_stored_topic_never_imports_a_module(topic: str) -> None:
    loaded = set(sys.modules)

    with pytest.raises(UnknownEvent, match="unknown topic"):
        LedgerMapper().to_domain_event(stored(b"{}", topic))

    assert set(sys.modules) == loaded


def test_a_stored_origin_never_imports_a_module() -> None:
    loaded = set(sys.modules)
    state = OLD.replace(b'"originator_topic":"test_shop"', b'"originator_topic":"antigravity"')

    with pytest.raises(MapperDeserialisationError, match="antigravity"):
        ShopMapper().to_domain_event(stored(state + b"}"))

    assert set(sys.modules) == loaded


def test_the_registry_has_every_event_of_the_golden_files() -> None:
    assert {type(event) for event in EVENTS} == set(registry.EVENTS.values())
