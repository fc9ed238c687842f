"""States to bytes and back, for the aggregates whose streams grow without a limit.

An aggregate that declares its `State` has snapshots; the streams of the others are short by their
own rules. A snapshot of another shape than the code's is as good as none.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypedDict, get_type_hints

import msgspec

from application.command import StreamState
from application.ports.snapshots import Snapshot
from domain.aggregate import LedgerAggregate
from domain.merchants.key_ring import KeyRing
from domain.sessions.order import Order
from domain.wallets.wallet import Wallet

EVERY_EVENTS: Final = 50
"""A snapshot is due when a stream passes a multiple of this: what a replay reads, half of it on
average, beside the two round trips that any replay costs."""
KINDS: Final[tuple[type[Any], ...]] = (Order, Wallet, KeyRing)


class _Times(TypedDict):
    """What the library keeps of every aggregate, beside its id and version."""

    _created_on: datetime
    _modified_on: datetime


def shape_of(kind: type[Any]) -> str:
    """The name of an aggregate's state as today's code writes it, such as `wallet:1`."""
    return f"{kind.TOPIC}:{kind.STATE_VERSION}"


def _decoder(kind: type[Any]) -> msgspec.json.Decoder[dict[str, Any]]:
    fields = get_type_hints(_Times) | get_type_hints(kind.State)
    return msgspec.json.Decoder(TypedDict(kind.__name__, fields))  # type: ignore[operator]


_KIND_OF: Final = {shape_of(kind): (kind, _decoder(kind)) for kind in KINDS}
SHAPES: Final = tuple(_KIND_OF)
"""The shapes that today's code can read."""


def is_due(before: int, after: int) -> bool:
    """Whether a stream that went from one version to another passed a multiple of 50."""
    return after // EVERY_EVENTS > before // EVERY_EVENTS


def take(entry: StreamState) -> Snapshot | None:
    """The snapshot of a state; None if its kind has none."""
    state: Any = entry.state
    if not isinstance(state, KINDS):
        return None
    held = vars(state)
    names = _Times.__annotations__.keys() | type(state).State.__annotations__.keys()
    data = msgspec.json.encode({name: held[name] for name in sorted(names)})
    return Snapshot(state.id, shape_of(type(state)), state.version, entry.position, data)


def restore(snapshot: Snapshot) -> StreamState | None:
    """The state that a snapshot holds; None if today's code cannot read it."""
    kind, decoder = _KIND_OF.get(snapshot.shape, (LedgerAggregate, None))
    if decoder is None:
        return None
    try:
        held = decoder.decode(snapshot.state)
    except (msgspec.DecodeError, UnicodeError):
        return None
    state = object.__new__(kind)
    state.__dict__.update(
        held, _id=snapshot.stream_id, _version=snapshot.version, _pending_events=[]
    )
    return StreamState(state, snapshot.position)
