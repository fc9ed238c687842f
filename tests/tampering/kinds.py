"""Ways to tamper with a history: the log, its tree, its signatures, what is derived from it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from domain.audit import bundle
from domain.audit import leaf as leaf_bytes
from domain.audit.leaf import Leaf
from domain.audit.note import Note
from domain.audit.tiles import encode_bundle, tiles_of
from domain.audit.vkey import KeyType, SigningKey
from infrastructure.bundles.events import entry_tiles, to_leaf
from tests.support import bundles
from tests.support.bundles import ORIGIN, Members
from tests.tampering.history import History

STRANGER: Final = SigningKey.of(ORIGIN, KeyType.NOTE, bytes(32))
MONEY: Final = (
    "payment_session.paid", "wallet.topped_up", "wallet.captured", "refund.succeeded",
    "payout.requested", "payable.debited",
)  # fmt: skip


@dataclass(frozen=True)
class Tampered:
    """A bundle that somebody has tampered with, and what the auditor must say of it."""

    members: Members
    position: int | None = None
    """The first bad position, if the auditor can know it."""
    within: tuple[int, int] | None = None
    """Otherwise the interval that the outside note leaves."""


Kind = Callable[[random.Random, History], Tampered]


def _leaf(change: Callable[[random.Random, Leaf], Leaf]) -> Kind:
    """Change one leaf in the entry bundle; the tiles and the checkpoint stay."""

    def tamper(pick: random.Random, of: History) -> Tampered:
        index = pick.randrange(of.size)
        leaves = list(of.leaves)
        leaves[index] = leaf_bytes.encode(change(pick, leaf_bytes.decode(leaves[index])))
        return Tampered(_replaced(of, leaves), index + 1)

    return tamper


def _replaced(of: History, leaves: list[bytes]) -> Members:
    """The members with other leaves of the same number; everything else stays."""
    members = dict(of.members)
    for tile in entry_tiles(1, of.size):
        start = tile.index * 256
        members[tile.path] = encode_bundle(leaves[start : start + tile.width])
    return members


def _bytes(pick: random.Random, data: bytes) -> bytes:
    """Flip a bit."""
    at = pick.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << pick.randrange(8)]) + data[at + 1 :]


def _figure(pick: random.Random, state: bytes) -> bytes:
    """Change one amount of an event, or one bit if it has none."""
    document = msgspec.json.decode(state)
    names = [name for name, value in document.items() if type(value) is int]
    if not names:
        return _bytes(pick, state)
    document[pick.choice(names)] += pick.choice((-1, 1, 1000))
    return msgspec.json.encode(document)


def _id(pick: random.Random) -> bytes:
    return pick.randbytes(16)


def edit(pick: random.Random, one: Leaf) -> Leaf:
    return one._replace(state=_figure(pick, one.state))


def flip(pick: random.Random, one: Leaf) -> Leaf:
    return one._replace(state=_bytes(pick, one.state))


def re_time(pick: random.Random, one: Leaf) -> Leaf:
    return one._replace(recorded_at_us=one.recorded_at_us + pick.choice((-1, 1, 3_600_000_000)))


def other_actor(pick: random.Random, one: Leaf) -> Leaf:
    return one._replace(actor=one.actor + pick.choice(("x", "\u0430")))


def delete(pick: random.Random, of: History) -> Tampered:
    """One event less in its bundle."""
    index = pick.randrange(of.size)
    leaves = of.leaves[:index] + of.leaves[index + 1 :]
    return Tampered(_replaced(of, leaves), index + 1)


def insert(pick: random.Random, of: History) -> Tampered:
    """An event twice; the last one of the log falls out."""
    index = pick.randrange(of.size - 1)
    leaves = of.leaves[: index + 1] + of.leaves[index:-1]
    return Tampered(_replaced(of, leaves), index + 2)


def swap(pick: random.Random, of: History) -> Tampered:
    first, second = sorted(pick.sample(range(of.size), 2))
    leaves = list(of.leaves)
    leaves[first], leaves[second] = leaves[second], leaves[first]
    return Tampered(_replaced(of, leaves), first + 1)


def truncate(pick: random.Random, of: History) -> Tampered:
    """An older state of the ledger, whole and with a genuine checkpoint: a restored backup."""
    size = pick.choice(_ends(of))
    source = bundles.MemorySource(of.source.events[:size], of.source.receipts(size))
    return Tampered(bundles.exported(source, source.head().note(bundles.KEY)), size + 1)


def renumber(pick: random.Random, of: History) -> Tampered:
    """An event is removed, the others numbered again, and the tiles made again."""
    index = pick.randrange(of.size - 1)
    kept = of.leaves[:index] + of.leaves[index + 1 :]
    leaves = [
        leaf_bytes.encode(leaf_bytes.decode(one)._replace(position=position))
        for position, one in enumerate(kept, 1)
    ]
    members = bundles.with_leaves(of.members, leaves, tiles=True)
    return Tampered(_resigned(members, leaves, of), within=_interval(of, index))


def fork(pick: random.Random, of: History) -> Tampered:
    """An event is changed, the tiles made again, and the log's key signs the new tree."""
    index = pick.randrange(of.size)
    leaves = list(of.leaves)
    leaves[index] = leaf_bytes.encode(edit(pick, leaf_bytes.decode(leaves[index])))
    members = bundles.with_leaves(of.members, leaves, tiles=True)
    return Tampered(_resigned(members, leaves, of), within=_interval(of, index))


def rewrite_tiles(pick: random.Random, of: History) -> Tampered:
    """An event is changed and the tiles made again, but the key is out of reach."""
    index = pick.randrange(of.size)
    leaves = list(of.leaves)
    leaves[index] = leaf_bytes.encode(flip(pick, leaf_bytes.decode(leaves[index])))
    members = bundles.with_leaves(of.members, leaves, tiles=True)
    return Tampered(members, within=_interval(of, index))


def unbalanced(pick: random.Random, of: History) -> Tampered:
    """Money is made up; tiles and signature are made again, so only rules and notes can tell."""
    index = pick.choice(of.find(*MONEY))
    leaves = list(of.leaves)
    one = leaf_bytes.decode(leaves[index])
    document = msgspec.json.decode(one.state)
    document["amount_minor"] += pick.choice((-1, 1, 5000))
    leaves[index] = leaf_bytes.encode(one._replace(state=msgspec.json.encode(document)))
    members = bundles.with_leaves(of.members, leaves, tiles=True)
    return Tampered(_resigned(members, leaves, of), within=_interval(of, index))


def backdated(pick: random.Random, of: History) -> Tampered:
    """A superuser rewrites a time in the live tables, with tiles and read models, and seals again."""
    index = pick.randrange(of.size)
    events = list(of.source.events)
    one = events[index]
    at = one.recorded_at + timedelta(microseconds=pick.choice((-1, 1)))
    events[index] = one._replace(recorded_at=at)
    leaves = [to_leaf(each) for each in events]
    members = bundles.with_leaves(of.members, leaves, tiles=True)
    return Tampered(_resigned(members, leaves, of), within=_interval(of, index))


def superuser(pick: random.Random, of: History) -> Tampered:
    """The actor of a whole command in the live tables; everything derived is made again."""
    index = pick.randrange(of.size)
    command = of.source.events[index].command_id
    events = [
        one._replace(actor="somebody else") if one.command_id == command else one
        for one in of.source.events
    ]
    first = next(n for n, one in enumerate(events) if one.command_id == command)
    source = bundles.MemorySource(events, of.source.receipts(of.size))
    members = bundles.exported(source, source.head().note(bundles.KEY))
    return Tampered(members, within=_interval(of, first))


def _ends(of: History) -> list[int]:
    """The sizes at which a command ends, before the last."""
    events = of.source.events
    return [
        n
        for n, (one, other) in enumerate(pairwise(events), 1)
        if one.command_id != other.command_id
    ]


def _interval(of: History, index: int) -> tuple[int, int]:
    """What the two notes of the trial leave: the first half, or the second."""
    half = of.size // 2
    return (1, half) if index < half else (half + 1, of.size)


def _resigned(members: Members, leaves: list[bytes], of: History) -> Members:
    """Signed by the log's key, with a manifest of the new size."""
    note = bundles.signed(leaves)
    manifest = bundle.parse_manifest(of.members[bundle.MANIFEST])
    document = json.loads(manifest.encode())
    document["size"] = document["last"] = len(leaves)
    for part in document["read_models"].values():
        part["position"] = min(part["position"], len(leaves))
    return members | {
        bundle.CHECKPOINT: note.encode(),
        bundle.MANIFEST: json.dumps(document).encode(),
    }


def _lines(pick: random.Random, of: History) -> tuple[str, list[bytes]]:
    names = [bundle.model_member(name) for name in bundle.READ_MODELS]
    names = [name for name in names if of.members[name]]
    name = pick.choice(names)
    return name, of.members[name].split(b"\n")[:-1]


def _with_lines(of: History, name: str, lines: list[bytes]) -> Tampered:
    """Other lines in a member, and their number in the manifest, which is not signed."""
    document = json.loads(of.members[bundle.MANIFEST])
    if name == bundle.COMMANDS:
        document["commands"] = len(lines)
    else:
        document["read_models"][Path(name).stem]["rows"] = len(lines)
    changed = {
        name: b"".join(line + b"\n" for line in lines),
        bundle.MANIFEST: json.dumps(document).encode(),
    }
    return Tampered(of.members | changed)


def edit_row(pick: random.Random, of: History) -> Tampered:
    """Any member of any row of any read model."""
    name, lines = _lines(pick, of)
    at = pick.randrange(len(lines))
    document = json.loads(lines[at])
    lines[at] = json.dumps(_changed(pick, document)).encode()
    return _with_lines(of, name, lines)


def _changed(pick: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    member = pick.choice(list(document))
    value: Any = document[member]
    if type(value) is bool:
        value = not value
    elif type(value) is int:
        value += pick.choice((-1, 1, 10**6))
    elif value is None:
        value = pick.choice((1, "x"))
    else:
        value = _text(pick, value)
    return document | {member: value}


def _text(pick: random.Random, value: str) -> str:
    at = pick.randrange(len(value) or 1)
    other = pick.choice([one for one in "0123456789abcdef" if one != value[at : at + 1]])
    return value[:at] + other + value[at + 1 :]


def delete_row(pick: random.Random, of: History) -> Tampered:
    name, lines = _lines(pick, of)
    del lines[pick.randrange(len(lines))]
    return _with_lines(of, name, lines)


def repeat_row(pick: random.Random, of: History) -> Tampered:
    name, lines = _lines(pick, of)
    at = pick.randrange(len(lines))
    lines.insert(at, lines[at])
    return _with_lines(of, name, lines)


def _receipts(of: History) -> list[dict[str, Any]]:
    return [json.loads(line) for line in of.members[bundle.COMMANDS].split(b"\n")[:-1]]


def _with_receipts(of: History, receipts: list[dict[str, Any]]) -> Tampered:
    lines = [json.dumps(one).encode() for one in receipts]
    return _with_lines(of, bundle.COMMANDS, lines)


def edit_receipt(pick: random.Random, of: History) -> Tampered:
    """The receipt of a command that has recorded events."""
    receipts = _receipts(of)
    at = pick.choice([n for n, one in enumerate(receipts) if one["first_position"]])
    receipts[at] = _changed(pick, receipts[at])
    return _with_receipts(of, receipts)


def delete_receipt(pick: random.Random, of: History) -> Tampered:
    receipts = _receipts(of)
    del receipts[pick.choice([n for n, one in enumerate(receipts) if one["first_position"]])]
    return _with_receipts(of, receipts)


def made_up_receipt(pick: random.Random, of: History) -> Tampered:
    receipts = _receipts(of)
    one = pick.choice([one for one in receipts if one["first_position"]])
    receipts.append(one | {"command_id": str(UUID(bytes=_id(pick)))})
    return _with_receipts(of, receipts)


def flip_tile(pick: random.Random, of: History) -> Tampered:
    tile = pick.choice(list(tiles_of(0, of.size)))
    data = of.members[tile.path]
    index = pick.randrange(tile.width)
    changed = _bytes(pick, data[index * 32 : index * 32 + 32])
    data = data[: index * 32] + changed + data[index * 32 + 32 :]
    return Tampered(of.members | {tile.path: data}, tile.index * 256 + index + 1)


def missing_part(pick: random.Random, of: History) -> Tampered:
    name = pick.choice(list(of.members))
    return Tampered({one: data for one, data in of.members.items() if one != name})


def part_of_another(pick: random.Random, of: History) -> Tampered:
    """A member of the ledger's own past in place of the present one."""
    size = pick.choice(_ends(of))
    source = bundles.MemorySource(of.source.events[:size], of.source.receipts(size))
    older = bundles.exported(source, source.head().note(bundles.KEY))
    names = [name for name in older if name in of.members and older[name] != of.members[name]]
    name = pick.choice(names)
    return Tampered(of.members | {name: older[name]})


def checkpoint_bit(pick: random.Random, of: History) -> Tampered:
    return Tampered(of.members | {bundle.CHECKPOINT: _bytes(pick, of.members[bundle.CHECKPOINT])})


def wrong_key(_: random.Random, of: History) -> Tampered:
    note = Note(of.note.text, ()).signed_by(STRANGER)
    return Tampered(of.members | {bundle.CHECKPOINT: note.encode()})


def edit_manifest(pick: random.Random, of: History) -> Tampered:
    document = json.loads(of.members[bundle.MANIFEST])
    if pick.random() < 0.5:
        document[pick.choice(["size", "first", "last", "commands", "format"])] += 1
    else:
        document["read_models"][pick.choice(bundle.READ_MODELS)]["rows"] += 1
    return Tampered(of.members | {bundle.MANIFEST: json.dumps(document).encode()})


KINDS: Final[dict[str, Kind]] = {
    "a figure is edited": _leaf(edit),
    "a bit of an event is flipped": _leaf(flip),
    "an event is deleted": delete,
    "an event is inserted": insert,
    "two events are swapped": swap,
    "an older state with its checkpoint": truncate,
    "the log is numbered again": renumber,
    "an event is dated otherwise": _leaf(re_time),
    "an actor is changed": _leaf(other_actor),
    "a topic is changed": _leaf(lambda pick, one: one._replace(topic=_text(pick, one.topic))),
    "an event moves to another stream": _leaf(lambda pick, one: one._replace(stream_id=_id(pick))),
    "an event moves to another command": _leaf(
        lambda pick, one: one._replace(command_id=_id(pick))
    ),
    "an event gets another id": _leaf(lambda pick, one: one._replace(event_id=_id(pick))),
    "a version is changed": _leaf(lambda _, one: one._replace(version=one.version + 1)),
    "a position is changed": _leaf(lambda _, one: one._replace(position=one.position + 1)),
    "the tree is forked": fork,
    "the tiles are made again without the key": rewrite_tiles,
    "an entry is unbalanced, sealed again": unbalanced,
    "a superuser dates an event otherwise, sealed again": backdated,
    "a superuser rewrites everything, sealed again": superuser,
    "a row of a read model is edited": edit_row,
    "a row of a read model is deleted": delete_row,
    "a row of a read model is repeated": repeat_row,
    "a receipt is edited": edit_receipt,
    "a receipt is deleted": delete_receipt,
    "a receipt is made up": made_up_receipt,
    "a bit of a tile is flipped": flip_tile,
    "a part is missing": missing_part,
    "a part of an older bundle": part_of_another,
    "a bit of the checkpoint is flipped": checkpoint_bit,
    "another key has signed": wrong_key,
    "the manifest is edited": edit_manifest,
}
