"""Maps events to JSON bytes and back with msgspec: one decoder per topic, upcasting in one place.

Audits hash the stored bytes, so they are never rewritten. A class that changed shape has a
`class_version` above 1 and functions `upcast_v1_v2(state)` and so on; its old bytes are decoded
without a schema, upcast step by step, then checked against the current fields.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, TypedDict
from uuid import UUID

import msgspec
from eventsourcing.domain import AggregateEvent, DomainEventProtocol
from eventsourcing.persistence import (
    JSONTranscoder,
    Mapper,
    MapperDeserialisationError,
    StoredEvent,
)

from application.errors import LogRejected
from application.event_log import STATE_BYTES_MAX, UnknownEvent
from domain import text
from infrastructure.event_store import registry

_ENVELOPE = {"originator_id", "originator_version"}


class LedgerMapper(Mapper[UUID]):
    """Maps events whose fields are primitives; the timestamp is an RFC 3339 text."""

    events: ClassVar[Mapping[str, type[Any]]] = registry.EVENTS
    """Every readable topic; no other topic is ever resolved to a class."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__(JSONTranscoder())
        self._write = msgspec.json.Encoder().encode
        self._decoders: dict[str, tuple[type[Any], Callable[[bytes], dict[str, Any]]]] = {}

    def encode(self, event: object) -> bytes:
        """The stored bytes of an event: its fields without stream and version.

        Raises:
            LogRejected: they are more than 60,000, so the event could not be sealed.
        """
        state = vars(event).copy()
        del state["originator_id"], state["originator_version"]
        version = schema_version(type(event))
        if version > 1:
            state["class_version"] = version
        data = self._write(state)
        if len(data) > STATE_BYTES_MAX:
            topic = getattr(type(event), "TOPIC", "")
            reason = f"{topic} has {len(data)} bytes; at most {STATE_BYTES_MAX} can be sealed"
            raise LogRejected(reason=reason)
        return data

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Encode an event; the topic is that of its class."""
        kind: Any = type(domain_event)
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=kind.TOPIC,
            state=self.encode(domain_event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> AggregateEvent:
        """Decode an event. See `decode`."""
        return self.decode(
            typing.cast("UUID", stored_event.originator_id),
            stored_event.originator_version,
            stored_event.topic,
            stored_event.state,
        )

    def decode(self, stream_id: UUID, version: int, topic: str, state: bytes) -> AggregateEvent:
        """Decode an event.

        Raises (checked in this order):
            UnknownEvent: this program has no class for the topic.
            MapperDeserialisationError: the bytes are not an event of this topic.
        """
        known = self._decoders.get(topic)
        if known is None:
            kind = self.events.get(topic)
            if kind is None:
                raise UnknownEvent(topic, UUID(str(stream_id)))
            known = self._decoders[topic] = (kind, _decoder(kind))
        kind, decode = known
        try:
            try:
                fields = decode(state)
            except msgspec.DecodeError as error:
                fields = _decode_repaired(decode, state, error)
            if "originator_topic" in fields:
                _check_origin(topic, fields)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            msg = f"event {version} of {stream_id} cannot be read as {topic}: {error}"
            raise MapperDeserialisationError(msg) from error
        fields["originator_id"] = stream_id
        fields["originator_version"] = version
        event = object.__new__(kind)
        object.__setattr__(event, "__dict__", fields)
        return typing.cast("AggregateEvent", event)


def _check_origin(topic: str, state: Mapping[str, Any]) -> None:
    """Check the aggregate named by the first event of a stream; the library would import it.

    Raises:
        ValueError: it is not the aggregate of the topic.
    """
    origin = state.get("originator_topic")
    if origin is not None and origin != topic.partition(".")[0]:
        msg = f"its originator topic is {origin!r}"
        raise ValueError(msg)


def _decode_repaired(
    decode: Callable[[bytes], dict[str, Any]], data: bytes, error: msgspec.DecodeError
) -> dict[str, Any]:
    """The fields; an escaped lone surrogate, which no accepted text holds, becomes U+FFFD."""
    if isinstance(error, msgspec.ValidationError):
        raise error
    if (repaired := text.replace_lone_surrogates(data)) == data:
        raise error
    return decode(repaired)


def schema_version(kind: type[Any]) -> int:
    """The version of an event class's fields, 1 if they never changed."""
    version: int = getattr(kind, "class_version", 1)
    return version


def _fields(kind: type[Any]) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        hints.update(getattr(base, "__annotations__", {}))
    names = [name for name in kind.__dataclass_fields__ if name not in _ENVELOPE]
    namespace = {"datetime": datetime, "UUID": UUID}
    return {
        name: eval(hints[name], namespace) if isinstance(hints[name], str) else hints[name]  # noqa: S307 - annotations of the domain
        for name in names
    }


def _decoder(kind: type[Any]) -> Callable[[bytes], dict[str, Any]]:
    shape: Any = TypedDict(kind.__name__, _fields(kind))  # type: ignore[misc]
    current = schema_version(kind)
    if current == 1:
        return typing.cast("Callable[[bytes], dict[str, Any]]", msgspec.json.Decoder(shape).decode)

    as_written = msgspec.json.Decoder(shape).decode
    end = b',"class_version":%d}' % current  # `encode` writes it last

    def decode(data: bytes) -> dict[str, Any]:
        if data.endswith(end):
            return typing.cast("dict[str, Any]", as_written(data))
        state = msgspec.json.decode(data)
        for version in range(state.pop("class_version", 1), current):
            getattr(kind, f"upcast_v{version}_v{version + 1}")(state)
        return typing.cast("dict[str, Any]", msgspec.convert(state, shape))

    return decode
