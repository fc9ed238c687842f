"""The events of the log as lines of JSON, for a reader who wants many of them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

STREAMS_PER_READER_MAX: Final = 2
"""Open streams of one reader."""


class LinesWanted(Struct, frozen=True, kw_only=True):
    """Which events; the conditions apply together."""

    after: int
    """Positions after this one, at least 0."""
    up_to: int
    """And up to this one."""
    topic: str = ""
    """Only of this type; empty for all."""
    stream: str = ""
    """Only of the stream with this UUID; empty for all."""


class LinesCutOff(Exception):
    """A stream of lines ended too early; its reader must be able to tell."""
