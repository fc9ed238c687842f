"""From the leaves of a bundle to the events that the checks take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID, SafeUUID

from application.event_log import Event, Recorded
from domain.audit import leaf as leaves
from domain.audit.leaf import EPOCH, Leaf, microseconds
from domain.audit.tiles import TILE_WIDTH, Tile, split_bundle, tiles_of
from infrastructure.bundles.tar_file import TarReader
from infrastructure.event_store.mapper import LedgerMapper

IDS_CACHED: Final = 8192
"""Streams and commands repeat within a few thousand events."""
_NEW, _INT = object.__new__, int.from_bytes
_SET_INT: Final = UUID.__dict__["int"].__set__
_SET_SAFE: Final = UUID.__dict__["is_safe"].__set__
_UNKNOWN: Final = SafeUUID.unknown
_TUPLE: Final = tuple.__new__
"""Makes a `Recorded` without the call of its constructor."""
_NO_ID: Final = UUID(int=0)


def make_uuid(data: bytes) -> UUID:
    """The UUID of 16 bytes, without the constructor, whose checks take most of the time."""
    made = _NEW(UUID)
    _SET_INT(made, _INT(data, "big"))
    _SET_SAFE(made, _UNKNOWN)
    return made


_uuid = lru_cache(IDS_CACHED)(make_uuid)


class EventReader:
    """Makes recorded events of leaves. The trace id is no part of a leaf, and is empty."""

    def __init__(self) -> None:
        self._mapper = LedgerMapper()
        self._at_us = 0
        self._at = EPOCH

    def recorded(self, leaf: Leaf, *, event_id: bool = True, command_id: bool = True) -> Recorded:
        """The event of a leaf; its state is decoded when it is asked for.

        Args:
            leaf: the leaf, or a list of its members.
            event_id: whether the id of the event is needed; to make one takes longer than the rest.
            command_id: whether the id of its command is needed.
        """
        position, stream, version, at, event, command, schema_version, actor, topic, state = leaf
        if at != self._at_us:
            self._at_us, self._at = at, EPOCH + timedelta(microseconds=at)
        return _TUPLE(
            Recorded,
            (
                position,
                _uuid(stream),
                version,
                topic,
                state,
                self._at,
                make_uuid(event) if event_id else _NO_ID,
                _uuid(command) if command_id else _NO_ID,
                actor,
                "",
                schema_version,
                self._decode,
            ),
        )

    def _decode(self, recorded: Recorded) -> Event:
        return self._mapper.decode(
            recorded.stream_id, recorded.version, recorded.topic, recorded.state
        )


def to_leaf(recorded: Recorded) -> bytes:
    """The leaf of a recorded event.

    Raises:
        MalformedLeaf: a member does not fit; names the position.
    """
    return leaves.encode(
        Leaf(
            recorded.position,
            recorded.stream_id.bytes,
            recorded.version,
            microseconds(recorded.recorded_at),
            recorded.event_id.bytes,
            recorded.command_id.bytes,
            recorded.schema_version,
            recorded.actor,
            recorded.topic,
            recorded.state,
        )
    )


def entry_tiles(first: int, last: int) -> Iterator[Tile]:
    """The entry bundles with the positions from `first` to `last`; `first` begins one."""
    if last >= first:
        yield from tiles_of(None, last, since=first - 1)


def read_leaves(tar: TarReader, tile: Tile) -> list[bytes]:
    """The leaves of an entry bundle.

    Raises:
        MalformedBundle: there is no such member.
        MalformedTile: it does not have exactly these leaves.
    """
    return split_bundle(tar.read(tile.path), tile.width)


def first_of(tile: Tile) -> int:
    """The position of the first event of a tile."""
    return tile.index * TILE_WIDTH + 1
