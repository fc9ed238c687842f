"""Snapshots of the aggregates whose streams have no limit: states to bytes and back.

These aggregates declare their `State`; the rules of the others keep their streams short. A snapshot
of a shape that the code does not know is ignored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypedDict, get_type_hints

import msgspec

from application.command import StreamState
from application.ports.snapshots import Snapshot
from domain.aggregate import LedgerAggregate
from domain.clock import Clock
from domain.merchants.key_ring import KeyRing
from domain.payouts.debits import MerchantDebits
from domain.sessions.order import Order
from domain.static_codes.code_sessions import CodeSessions
from domain.treasury.treasury import Treasury
from domain.wallets.wallet import Wallet

EVERY_EVENTS: Final = 50
"""A snapshot is due whenever a stream's version passes a multiple of this. A replay reads half as
many events on average."""
KINDS: Final[tuple[type[Any], ...]] = (
    Order,
    Wallet,
    KeyRing,
    MerchantDebits,
    Treasury,
    CodeSessions,
    Clock,
)


class _Times(TypedDict):
    """What the library stores in every aggregate besides its id and version."""

    _created_on: datetime
    _modified_on: datetime


def shape_of(kind: type[Any]) -> str:
    """The name of the current shape of an aggregate's state, for example `wallet:1`."""
    return f"{kind.TOPIC}:{kind.STATE_VERSION}"


def _decoder(kind: type[Any]) -> msgspec.json.Decoder[dict[str, Any]]:
    fields = get_type_hints(_Times) | get_type_hints(kind.State)
    return msgspec.json.Decoder(TypedDict(kind.__name__, fields))  # type: ignore[operator]


_KIND_OF: Final = {shape_of(kind): (kind, _decoder(kind)) for kind in KINDS}
SHAPES: Final = tuple(_KIND_OF)
"""The shapes that `restore` can read."""


def is_due(before: int, after: int) -> bool:
    """Whether a multiple of 50 lies after the first version and up to the second."""
    return after // EVERY_EVENTS > before // EVERY_EVENTS


def take(stream: StreamState) -> Snapshot | None:
    """A snapshot of a state; None if its kind has no snapshots."""
    state: Any = stream.aggregate
    if not isinstance(state, KINDS):
        return None
    values = vars(state)
    names = _Times.__annotations__.keys() | type(state).State.__annotations__.keys()
    data = msgspec.json.encode({name: values[name] for name in sorted(names)})
    return Snapshot(state.id, shape_of(type(state)), state.version, stream.position, data)


def restore(snapshot: Snapshot) -> StreamState | None:
    """The state in a snapshot; None if the snapshot cannot be read."""
    kind, decoder = _KIND_OF.get(snapshot.shape, (LedgerAggregate, None))
    if decoder is None:
        return None
    try:
        values = decoder.decode(snapshot.state)
    except (msgspec.DecodeError, UnicodeError):
        return None
    state = object.__new__(kind)
    state.__dict__.update(
        values, _id=snapshot.stream_id, _version=snapshot.version, _pending_events=[]
    )
    return StreamState(state, snapshot.position)
