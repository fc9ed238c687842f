"""Draws in this process."""

from __future__ import annotations

from application.ports.pictures import CodePicture, Drawing, Poster
from infrastructure.pictures import codes


class LocalPictures:
    """The port of pictures in this process; a drawing holds the interpreter until it is done."""

    def draw(self, drawing: Drawing) -> bytes:
        """See `Pictures`."""
        match drawing:
            case CodePicture():
                return codes.draw(drawing)
            case Poster(kind="svg"):
                from infrastructure.pictures import poster_svg  # noqa: PLC0415

                return poster_svg.draw(drawing)
            case Poster():
                from infrastructure.pictures import poster_pdf  # noqa: PLC0415

                return poster_pdf.draw(drawing)
