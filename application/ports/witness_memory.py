"""What a witness remembers: of each log the head that it cosigned last."""

from __future__ import annotations

from typing import Protocol

from domain.audit.note import Checkpoint, Note


class MemoryUnavailable(Exception):
    """The memory cannot be read or written, so that nothing may be signed now."""


class WitnessMemory(Protocol):
    """The heads of a witness. One process uses it at a time."""

    def head(self, origin: str) -> Checkpoint | None:
        """The head of a log that was kept last; None if there never was one.

        Raises:
            MemoryUnavailable: it cannot be read, or is not what was kept.
        """
        ...

    def keep(self, note: Note) -> None:
        """Replace the head of a log; once this returns it survives everything but the disk's loss.

        Raises:
            MemoryUnavailable: it is not kept for certain; the old or the new one is there, whole.
        """
        ...

    def keep_fork(self, note: Note) -> None:
        """Keep the first signed head of a log that contradicts its kept one: it is evidence.

        Raises:
            MemoryUnavailable: it cannot be kept.
        """
        ...
