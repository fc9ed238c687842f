"""Which of several media types a caller wants (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from api.http.messages import HttpRequest

HTML, JSON = "text/html", "application/json"
RANGES_MAX: Final = 32
"""Further media ranges of the header are ignored."""
NAMED: Final = 2
"""The precision of a media range that is a media type; `text/*` has 1, `*/*` has 0."""
_QUALITY: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def wants_html(request: HttpRequest) -> bool:
    """Whether the request comes from a browser."""
    return preferred(request.header(b"accept"), (HTML, JSON)) == HTML


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """The media type to answer with: of the highest quality, among equals the one that is named.

    Args:
        accept: the value of the header, if there is one. What cannot be read of it is ignored.
        offered: media types. Of several that the caller names alike, the first is chosen; the last
            is for callers that name none, or only others.
    """
    ranges = _ranges(accept or "")
    default = offered[-1]

    def rank(index: int) -> tuple[int, int, int]:
        quality, precision = _quality(offered[index], ranges)
        return quality, precision, -index if precision == NAMED else index

    best = max(range(len(offered)), key=rank)
    return offered[best] if rank(best)[0] else default


def _quality(media_type: str, ranges: Mapping[str, int]) -> tuple[int, int]:
    """Of the most precise range that covers the media type: quality in thousandths, precision."""
    kind = media_type.partition("/")[0]
    for precision, media_range in ((NAMED, media_type), (1, f"{kind}/*"), (0, "*/*")):
        if media_range in ranges:
            return ranges[media_range], precision
    return 0, 0


def _ranges(accept: str) -> dict[str, int]:
    """The quality of each media range in thousandths; of a repeated one, the highest."""
    ranges: dict[str, int] = {}
    for part in accept.lower().split(",", RANGES_MAX)[:RANGES_MAX]:
        media_range, *parameters = [piece.strip(" \t") for piece in part.split(";")]
        quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        if _QUALITY.fullmatch(quality):
            found = int(quality.replace(".", "").ljust(4, "0"))
            ranges[media_range] = max(found, ranges.get(media_range, 0))
    return ranges
