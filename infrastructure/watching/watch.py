"""A look at a live log: its head must be signed as trusted, and continue what was seen before.

The complete subtrees of the trusted head are read from the tiles and must lead to its root; then
every leaf hash after it is read and added, which must lead to the root of the new head. So one pass
proves that the new head continues the old one, and that no tile in between is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from domain.audit import leaf as leaves
from domain.audit import note as notes
from domain.audit.errors import EvidenceError, InvalidProof, MalformedTile, QuorumMissing
from domain.audit.merkle import Frontier, hash_leaf
from domain.audit.note import NOTE_BYTES_MAX, Checkpoint, Note
from domain.audit.policy import POLICY_BYTES_MAX, Endorsed, Policy, of_keys
from domain.audit.policy import parse as parse_policy
from domain.audit.tiles import (
    BUNDLE_BYTES_MAX,
    TILE_BYTES,
    TILE_WIDTH,
    Tile,
    nodes_of_tiles,
    split_bundle,
    split_tile,
    tiles_of,
)
from infrastructure.bundles.events import EventReader
from infrastructure.watching.client import NoAnswer, NotThere
from infrastructure.watching.kept_note import KeptNote

TILES_MAX: Final = 100_000
"""Of level 0, in one look: 25.6 million events."""


class AlarmKind(StrEnum):
    """What a watcher raises an alarm about."""

    NOT_SIGNED = "not-signed"
    """The head is no checkpoint of a trusted log, or no trusted key has signed it."""
    NOT_COSIGNED = "not-cosigned"
    """Too few of the witnesses that the policy demands have cosigned the head."""
    ROLLBACK = "rollback"
    """The head is shorter than one that was trusted before."""
    FORK = "fork"
    """The head does not continue one that was trusted before."""
    MISSING_TILES = "missing-tiles"
    """Tiles of the head are not served, or do not lead to its root."""
    BAD_EVENT = "bad-event"
    """An event is not the one in the tree, or is not what must follow the one before it."""
    STALLED = "stalled"
    """Nothing new for too long: no event, no cosignature, or no answer."""


class Alarm(Exception):
    """The log is not as it must be. `evidence` is the head that shows it, if there is one."""

    def __init__(self, kind: AlarmKind, text: str, evidence: bytes | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.evidence = evidence


class Source(Protocol):
    """Where a log is read."""

    def get(self, path: str, bytes_max: int) -> bytes:
        """See `LogClient.get`."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has found."""

    size: int
    events: int
    """That are new since the look before."""


class Watch:
    """Looks at one log again and again."""

    def __init__(
        self,
        source: Source,
        policy: Policy,
        kept: KeptNote,
        *,
        now: Callable[[], float],
        stalled_seconds: int,
        entries: bool = False,
    ) -> None:
        """Watch a log.

        Args:
            source: where to read it.
            policy: the keys and witnesses that are trusted.
            kept: the memory; without a note, the first head is taken as it is.
            now: seconds since 1970, by this machine.
            stalled_seconds: after so long without news there is an alarm; 0 for never.
            entries: whether the events are read too, which takes an auditor's key.

        Raises:
            EvidenceError: no key of the policy has signed the kept note.
        """
        self._source, self._policy, self._kept, self._now = source, policy, kept, now
        self._stalled_seconds = stalled_seconds
        self._entries = entries
        self._reader = EventReader()
        self._started_at = now()
        self._last_us = 0
        """When the last event that was read was recorded."""
        if kept.note is not None:
            of_keys(*policy.logs).check(kept.note)

    def look(self) -> Seen:
        """Look once, and keep the head if it is to be trusted.

        Raises (checked in this order):
            Alarm: see `AlarmKind`.
            NoAnswer: the log cannot be read now, and the last news is not too old.
            OSError: the head cannot be kept.
        """
        try:
            seen = self._look()
        except NoAnswer as error:
            self._check_stalled(str(error))
            raise
        self._check_stalled("its head has stayed the same")
        return seen

    def unknown_keys(self) -> list[str]:
        """The keys that the log's own policy names and the trusted one does not: a rotation.

        Raises:
            NoAnswer: the policy cannot be read now.
        """
        try:
            stated = parse_policy(self._source.get("policy", POLICY_BYTES_MAX))
        except NotThere:
            return []
        except EvidenceError as error:
            msg = f"policy: {error}"
            raise NoAnswer(msg) from None
        return [str(key) for key in stated.logs if key not in self._policy.logs]

    def _look(self) -> Seen:
        data = self._head_bytes()
        note, endorsed = self._endorsed(data)
        head, old = endorsed.checkpoint, self._kept.note
        if old is None:
            self._read_tree(None, head, data)
            self._kept.replace(note, self._now())
            return Seen(head.size, 0)
        before = notes.parse_checkpoint(old.text)
        if head.origin != before.origin:
            text = f"the head is of the log {head.origin}, the one before of {before.origin}"
            raise Alarm(AlarmKind.FORK, text, data)
        if head.size < before.size:
            text = f"the head has {head.size} events, the one before {before.size}"
            raise Alarm(AlarmKind.ROLLBACK, text, data)
        if head.size == before.size and head.root != before.root:
            text = f"two heads of the size {head.size} have different roots"
            raise Alarm(AlarmKind.FORK, text, data)
        if head.size > before.size:
            self._read_tree(before, head, data)
        if head.size > before.size or self._is_newer(endorsed, old):
            self._kept.replace(note, self._now())
        return Seen(head.size, head.size - before.size)

    def _head_bytes(self) -> bytes:
        try:
            return self._source.get("checkpoint", NOTE_BYTES_MAX)
        except NotThere:
            msg = "checkpoint: there is none"
            raise NoAnswer(msg) from None

    def _endorsed(self, data: bytes) -> tuple[Note, Endorsed]:
        try:
            note = notes.parse(data)
            return note, self._policy.check(note)
        except QuorumMissing as error:
            raise Alarm(AlarmKind.NOT_COSIGNED, str(error), data) from None
        except EvidenceError as error:
            raise Alarm(AlarmKind.NOT_SIGNED, f"{error} ({error.code})", data) from None

    def _is_newer(self, endorsed: Endorsed, old: Note) -> bool:
        """Whether a witness has cosigned the same head again."""
        try:
            known = self._policy.check(old).witnesses
        except EvidenceError:
            return True
        newest = max(endorsed.witnesses.values(), default=0)
        return newest > max(known.values(), default=0)

    def _read_tree(self, old: Checkpoint | None, head: Checkpoint, data: bytes) -> None:
        """Read the tree of a head from where it is known; its root must be the head's."""
        start = head.size if old is None else old.size
        if (head.size - start) // TILE_WIDTH > TILES_MAX:
            msg = f"{head.size - start} new events are too many for one look"
            raise NoAnswer(msg)
        try:
            tree = Frontier.at(start, nodes_of_tiles(head.size, self._tile))
            if old is not None and tree.root() != old.root:
                self._blame(head, data, f"the first {start} events")
            for tile in tiles_of(0, head.size, since=start):
                hashes = split_tile(self._tile(tile), tile.width)
                new = hashes[max(0, start - tile.index * TILE_WIDTH) :]
                if self._entries:
                    self._read_events(tile, hashes, start, data)
                for one in new:
                    tree.append(one)
        except (MalformedTile, InvalidProof) as error:
            raise Alarm(AlarmKind.MISSING_TILES, str(error), data) from None
        if tree.root() != head.root:
            text = f"the tiles do not lead to the root of the head of {head.size} events"
            raise Alarm(AlarmKind.MISSING_TILES, text, data)

    def _blame(self, head: Checkpoint, data: bytes, what: str) -> None:
        """The tiles contradict what is trusted: a fork, if they are the head's own."""
        tree = Frontier.at(head.size, nodes_of_tiles(head.size, self._tile))
        if tree.root() == head.root:
            text = f"{what} are others than they were when the head was of their size"
            raise Alarm(AlarmKind.FORK, text, data)
        text = f"the tiles do not lead to the root of the head of {head.size} events"
        raise Alarm(AlarmKind.MISSING_TILES, text, data)

    def _tile(self, tile: Tile) -> bytes:
        try:
            return self._source.get(tile.path, TILE_BYTES)
        except NotThere:
            raise MalformedTile(reason=f"{tile.path} is missing") from None

    def _read_events(self, tile: Tile, hashes: list[bytes], start: int, data: bytes) -> None:
        """Compare the events of a tile with its hashes, and each new one with the one before it."""
        entries = Tile(None, tile.index, tile.width)
        first = tile.index * TILE_WIDTH + 1
        try:
            found = split_bundle(self._source.get(entries.path, BUNDLE_BYTES_MAX), tile.width)
        except NotThere:
            raise MalformedTile(reason=f"{entries.path} is missing") from None
        for position, (one, expected) in enumerate(zip(found, hashes, strict=True), first):
            reason = self._misfit(one, expected, position, is_new=position > start)
            if reason:
                raise Alarm(AlarmKind.BAD_EVENT, f"position {position}: {reason}", data)

    def _misfit(self, data: bytes, expected: bytes, position: int, *, is_new: bool) -> str:
        """What is wrong with an event; empty if nothing is."""
        if hash_leaf(data) != expected:
            return "not the event that the tree has there"
        try:
            leaf = leaves.decode(data)
        except EvidenceError as error:
            return str(error)
        if leaf.position != position:
            return f"the event has the position {leaf.position}"
        before, self._last_us = self._last_us, leaf.recorded_at_us
        if is_new and leaf.recorded_at_us < before:
            return "recorded before the event that it follows"
        try:
            self._reader.recorded(leaf).event  # noqa: B018 - decodes
        except Exception as error:  # noqa: BLE001 - any stored bytes are judged, none are trusted
            return f"{leaf.topic} cannot be read: {error}"
        return ""

    def _check_stalled(self, text: str) -> None:
        since = self._kept.changed_at or self._started_at
        if self._stalled_seconds and self._now() - since > self._stalled_seconds:
            text = f"nothing new for {self._stalled_seconds} s: {text}"
            raise Alarm(AlarmKind.STALLED, text)
