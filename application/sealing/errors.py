"""Why the sealer stops. No request is ever refused for one of these."""

from __future__ import annotations


class SealStopped(Exception):
    """The base of both; the message is for the operator."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)


class SealHalted(SealStopped):
    """The sealer cannot go on, now or later: a person has to decide."""


class TileDiffers(SealHalted):
    """A stored tile is not the one that the log makes."""

    def __init__(self, level: int, index: int) -> None:
        text = f"the stored tile {index} of level {level} does not agree with the log"
        super().__init__(reason=text)


class TileMissing(SealHalted):
    """A full tile that was stored before is gone."""

    def __init__(self, level: int, index: int) -> None:
        super().__init__(reason=f"the tile {index} of level {level} is not stored any more")


class NotesMissing(SealStopped):
    """The sealer's own notes are missing or older than what was published; it does not start."""
