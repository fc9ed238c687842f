from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import leaf
from domain.audit.errors import MalformedLeaf
from domain.audit.leaf import STATE_BYTES_MAX, TEXT_BYTES_MAX, Leaf
from domain.audit.merkle import hash_leaf

ZERO = bytes(16)
VECTOR = Leaf(1, ZERO, 1, 0, ZERO, ZERO, 1, "a", "t", b"{}")
U64 = st.integers(0, 2**64 - 1)
ID = st.binary(min_size=16, max_size=16)
TEXT = st.text(st.characters(codec="utf-8"), max_size=200)
LEAVES = st.builds(
    Leaf,
    U64,
    ID,
    U64,
    st.integers(0, leaf.TIME_US_MAX),
    ID,
    ID,
    st.integers(0, 2**16 - 1),
    TEXT,
    TEXT,
    st.binary(max_size=500),
)


def test_the_vector_of_the_contract() -> None:
    data = leaf.encode(VECTOR)

    assert hash_leaf(data).hex() == (
        "c2997e48d61d5912084a64a523177db2ee72a25bccf76dba7f91d73e0478f622"
    )
    assert data.hex() == (
        "01" + "0000000000000001" + "00" * 16 + "0000000000000001" + "00" * 8 + "00" * 32
        + "0001" + "000161" + "000174" + "000000027b7d"
    )  # fmt: skip


def test_an_instant_becomes_microseconds_since_1970_and_back() -> None:
    at = datetime(2026, 11, 20, 10, 12, 33, 1, tzinfo=UTC)

    assert leaf.microseconds(at) == 1_795_169_553_000_001
    assert VECTOR._replace(recorded_at_us=leaf.microseconds(at)).recorded_at == at


@given(LEAVES)
def test_every_leaf_is_read_as_it_was_written(one: Leaf) -> None:
    assert leaf.decode(leaf.encode(one)) == one


@given(LEAVES, LEAVES)
def test_different_events_have_different_leaves(one: Leaf, other: Leaf) -> None:
    assert (leaf.encode(one) == leaf.encode(other)) == (one == other)


@given(LEAVES, st.data())
def test_a_leaf_that_is_cut_off_or_longer_is_refused(one: Leaf, data: st.DataObject) -> None:
    encoded = leaf.encode(one)
    kept = data.draw(st.integers(0, len(encoded) - 1))

    for damaged in (encoded[:kept], encoded + b"\0"):
        with pytest.raises(MalformedLeaf):
            leaf.decode(damaged)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_leaf_with_exactly_these_bytes_or_refused(data: bytes) -> None:
    try:
        found = leaf.decode(b"\x01" + data)
    except MalformedLeaf:
        return
    assert leaf.encode(found) == b"\x01" + data


@pytest.mark.parametrize(
    "change",
    [
        {"position": -1},
        {"position": 2**64},
        {"version": 2**64},
        {"recorded_at_us": -1},
        {"recorded_at_us": leaf.TIME_US_MAX + 1},
        {"schema_version": 2**16},
        {"schema_version": -1},
        {"stream_id": bytes(15)},
        {"event_id": bytes(17)},
        {"command_id": b""},
        {"actor": "a" * (TEXT_BYTES_MAX + 1)},
        {"topic": "é" * TEXT_BYTES_MAX},
        {"actor": "\ud800"},
        {"topic": "\udfff"},
        {"state": bytes(STATE_BYTES_MAX + 1)},
    ],
    ids=str,
)
def test_what_does_not_fit_into_a_leaf_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedLeaf, match="position"):
        leaf.encode(VECTOR._replace(**change))


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (b"", "cut off"),
        (b"\x02" + leaf.encode(VECTOR)[1:], "format 2"),
        (leaf.encode(VECTOR)[:33] + b"\xff" * 8 + leaf.encode(VECTOR)[41:], "year 9999"),
        (leaf.encode(VECTOR).replace(b"\0\x01a", b"\0\x01\xff"), "UTF-8"),
        (leaf.encode(VECTOR).replace(b"\0\x01t", b"\0\x01\xc3"), "UTF-8"),
        (leaf.encode(VECTOR._replace(state=b""))[:-4] + b"\xff\xff\xff\xff", "length"),
        (
            leaf.encode(VECTOR._replace(state=b""))[:-4]
            + (STATE_BYTES_MAX + 1).to_bytes(4, "big")
            + bytes(STATE_BYTES_MAX + 1),
            "longer",
        ),
    ],
    ids=["empty", "format", "time", "actor", "topic", "huge length", "huge state"],
)
def test_bytes_that_are_no_leaf_are_refused(damaged: bytes, reason: str) -> None:
    with pytest.raises(MalformedLeaf, match=reason):
        leaf.decode(damaged)


def test_the_largest_leaf_fits_an_entry_bundle() -> None:
    largest = VECTOR._replace(
        actor="a" * TEXT_BYTES_MAX, topic="t" * TEXT_BYTES_MAX, state=bytes(STATE_BYTES_MAX)
    )

    assert len(leaf.encode(largest)) <= leaf.LEAF_BYTES_MAX
