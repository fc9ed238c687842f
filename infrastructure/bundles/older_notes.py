"""A bundle against the checkpoints that somebody has kept, also across restarts of the log."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.audit import note as notes
from domain.audit.errors import EvidenceError
from domain.audit.leaf import Leaf
from domain.audit.merkle import EMPTY_ROOT
from domain.audit.note import Checkpoint, Note
from domain.audit.policy import Policy, of_keys
from infrastructure.bundles.findings import Findings, Report

RESTARTED: Final = "log.restarted"
CHECK: Final = "older-note"
RootAt = Callable[[int], bytes | None]
"""The root of the first events of a bundle, as many as a size says."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The log was set back here, and goes on under another name."""

    position: int
    old_origin: str
    old_size: int
    old_root: str
    common_size: int
    """Up to which size the old log and this one agree."""


class OlderNotes:
    """Compares the events of a bundle with older notes."""

    def __init__(
        self,
        older: Sequence[tuple[str, Note]],
        policy: Policy,
        head: Checkpoint,
        findings: Findings,
        report: Report,
    ) -> None:
        """`older`: the notes, each with the name of its file."""
        self._older = older
        self._policy = policy
        self._head = head
        self._findings = findings
        self._report = report
        self._restarts: list[Restart] = []

    def observe(self, leaf: Leaf) -> None:
        """Take in an event of the log about itself."""
        if leaf.topic != RESTARTED:
            return
        try:
            event: dict[str, Any] = json.loads(leaf.state)
            made = Restart(
                leaf.position,
                str(event["old_origin"]),
                int(event["old_size"]),
                str(event["old_root"]),
                int(event["common_size"]),
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            return  # the rules of the log report what cannot be read
        self._restarts.append(made)

    @property
    def sizes(self) -> set[int]:
        """The sizes of all notes."""
        return {notes.parse_checkpoint(note.text).size for _, note in self._older}

    def check(self, root_at: RootAt | None) -> None:
        """Compare with every note; without roots, only signatures and sizes."""
        agreed, differs = 0, 0
        for name, note in self._older:
            at, is_continued = self._check(name, note, root_at)
            if is_continued:
                agreed = max(agreed, at)
            elif is_continued is False:
                differs = min(differs or at, at)
        if differs and root_at is not None:
            self._report.interval = (agreed + 1, differs)
            text = f"changed between positions {agreed + 1} and {differs}, as older notes show"
            self._findings.add("consistency", text, first=agreed + 1, last=differs)

    def _check(self, name: str, note: Note, root_at: RootAt | None) -> tuple[int, bool | None]:
        """The note's size, and whether the bundle continues it; None if that cannot be said."""
        old: Checkpoint = notes.parse_checkpoint(note.text)
        entry = {"file": name, "size": old.size, "root": old.root.hex(), "is_continued": False}
        self._report.notes.append(entry)
        try:
            of_keys(*self._policy.logs).check(note)
        except EvidenceError as error:
            self._findings.add(CHECK, f"{name}: {error} ({error.code})")
            return old.size, None
        if old.origin != self._head.origin and not self._is_kept(name, old):
            return old.size, None
        if old.size > self._head.size:
            text = f"{name} has {old.size} events: positions {self._head.size + 1} to {old.size} "
            self._findings.add(CHECK, f"{text}are missing", self._head.size + 1)
            return old.size, False
        if root_at is None:
            return old.size, None
        root = root_at(old.size) if old.size else EMPTY_ROOT
        if root != old.root:
            self._findings.add(
                CHECK,
                f"{name}: the first {old.size} events do not have its root",
                note=old.root.hex(),
                events=root.hex() if root else None,
            )
            return old.size, False
        entry["is_continued"] = True
        return old.size, True

    def _is_kept(self, name: str, old: Checkpoint) -> bool:
        """Whether the log has everything that a note of an earlier name has; reports it if not."""
        origins = [one.old_origin for one in self._restarts]
        if old.origin not in origins:
            self._findings.add(CHECK, f"{name} is of the log {old.origin}")
            return False
        since = self._restarts[origins.index(old.origin) :]
        kept = min(one.common_size for one in since)
        if old.size <= kept:
            return True
        first = since[0]
        text = (
            f"{name} has {old.size} events: positions {kept + 1} to {old.size} are lost; the log "
            f"was set back at position {first.position}"
        )
        if old.size == first.old_size and b64encode(old.root).decode() != first.old_root:
            text += ", which names another root of this size"
        elif old.size > first.old_size:
            text += f", which names {first.old_size} events only"
        self._findings.add(CHECK, text, kept + 1)
        return False
