"""The leaf of an event: the exact bytes that the Merkle tree hashes. Integers are big-endian.

    0x01, position u64, stream 16 bytes, version u64, recorded_at u64 (microseconds since 1970),
    event id 16 bytes, command id 16 bytes, schema version u16,
    length u16 and actor, length u16 and topic, length u32 and stored state

The state is sealed as it is stored, byte for byte; it is never decoded and encoded again. The
trace id of an event and the receipt of its command are no part of the leaf.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from domain.audit.errors import MalformedLeaf

FORMAT: Final = 1
ID_BYTES: Final = 16
STATE_BYTES_MAX: Final = 60_000
"""Of a stored state, so that every leaf fits the u16 length of an entry bundle."""
TEXT_BYTES_MAX: Final = 2_000
"""Of an actor and of a topic."""
LEAF_BYTES_MAX: Final = 65_535
TOPICS_CACHED: Final = 256
_HEAD: Final = struct.Struct(">BQ16sQQ16s16sHH")
_HEAD_BYTES: Final = _HEAD.size
STREAM_ID: Final = slice(9, 25)
"""Where the stream's id is in the bytes of a leaf."""
_U16: Final = struct.Struct(">H")
_U32: Final = struct.Struct(">I")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
TIME_US_MAX: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
_U16_MAX: Final = 2**16 - 1
_U64_MAX: Final = 2**64 - 1


class Leaf(NamedTuple):
    """What is sealed of an event. Ids are 16 bytes, as in `UUID.bytes`."""

    position: int
    stream_id: bytes
    version: int
    recorded_at_us: int
    event_id: bytes
    command_id: bytes
    schema_version: int
    actor: str
    topic: str
    state: bytes

    @property
    def recorded_at(self) -> datetime:
        """The instant, in UTC."""
        return EPOCH + timedelta(microseconds=self.recorded_at_us)


_topic = lru_cache(TOPICS_CACHED)(bytes.decode)
_new = tuple.__new__
"""Makes a leaf in a third of the time that `Leaf` takes, which counts in millions."""


def microseconds(at: datetime) -> int:
    """An aware instant as a leaf contains it; negative before 1970."""
    return (at - EPOCH) // _MICROSECOND


def encode(leaf: Leaf) -> bytes:
    """The bytes of a leaf.

    Raises:
        MalformedLeaf: a member does not fit; names the position.
    """
    actor = leaf.actor.encode(errors="surrogatepass")
    topic = leaf.topic.encode(errors="surrogatepass")
    for reason in _misfits(leaf, actor, topic):
        raise MalformedLeaf(reason=f"position {leaf.position}: {reason}")
    head = _HEAD.pack(FORMAT, *leaf[:7], len(actor))
    tail = _U32.pack(len(leaf.state))
    return b"".join((head, actor, _U16.pack(len(topic)), topic, tail, leaf.state))


def decode(data: bytes) -> Leaf:
    """The leaf of its bytes; `encode` gives exactly these bytes back.

    Raises:
        MalformedLeaf: another format, cut off, too long, not UTF-8, or after the year 9999.
    """
    try:
        (
            kind,
            position,
            stream_id,
            version,
            recorded_at_us,
            event_id,
            command_id,
            schema_version,
            actor_bytes,
        ) = _HEAD.unpack_from(data)
        topic_at = _HEAD_BYTES + actor_bytes + 2
        topic_bytes = _U16.unpack_from(data, topic_at - 2)[0]
        state_at = topic_at + topic_bytes + 4
        state_bytes = _U32.unpack_from(data, state_at - 4)[0]
        actor = data[_HEAD_BYTES : topic_at - 2].decode()
        topic = _topic(data[topic_at : state_at - 4])
    except struct.error as error:
        raise MalformedLeaf(reason="the leaf is cut off") from error
    except UnicodeDecodeError as error:
        raise MalformedLeaf(reason="the actor or the topic is not UTF-8") from error
    if kind != FORMAT:
        raise MalformedLeaf(reason=f"the leaf has the format {kind}; this program knows {FORMAT}")
    if recorded_at_us > TIME_US_MAX:
        raise MalformedLeaf(reason="the time is after the year 9999")
    if len(data) != state_at + state_bytes:
        raise MalformedLeaf(reason="the leaf has another length than it says")
    if state_bytes > STATE_BYTES_MAX or actor_bytes > TEXT_BYTES_MAX:
        raise MalformedLeaf(reason="the actor or the state is longer than an event may have it")
    if topic_bytes > TEXT_BYTES_MAX:
        raise MalformedLeaf(reason="the topic is longer than an event may have it")
    return _new(
        Leaf,
        (
            position,
            stream_id,
            version,
            recorded_at_us,
            event_id,
            command_id,
            schema_version,
            actor,
            topic,
            data[state_at:],
        ),
    )


def _misfits(leaf: Leaf, actor: bytes, topic: bytes) -> Iterator[str]:
    """Why a leaf cannot be encoded; nothing if it can."""
    ids = (leaf.stream_id, leaf.event_id, leaf.command_id)
    if any(len(one) != ID_BYTES for one in ids):
        yield f"an id has {ID_BYTES} bytes"
    if not all(0 <= one <= _U64_MAX for one in (leaf.position, leaf.version)):
        yield "the position and the version are from 0 to 2^64 - 1"
    if not 0 <= leaf.recorded_at_us <= TIME_US_MAX:
        yield "the time is from 1970 to the year 9999"
    if not 0 <= leaf.schema_version <= _U16_MAX:
        yield f"the schema version is from 0 to {_U16_MAX}"
    if len(leaf.state) > STATE_BYTES_MAX:
        yield f"the state has {len(leaf.state)} bytes; at most {STATE_BYTES_MAX} are sealed"
    if len(actor) > TEXT_BYTES_MAX or len(topic) > TEXT_BYTES_MAX:
        yield f"the actor or the topic has more than {TEXT_BYTES_MAX} bytes"
    if not _is_text(actor) or not _is_text(topic):
        yield "the actor or the topic contains a lone surrogate"


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
