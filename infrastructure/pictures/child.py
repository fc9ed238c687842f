"""The drawing process: `python -m infrastructure.pictures.child`, with a socket as standard input.

It answers one drawing after another and ends when the other end of the socket is closed, so that it
never outlives the process that started it. It yields to every other process of the machine.
"""

from __future__ import annotations

import os
import socket
import traceback
from typing import Final

import msgspec

from application.errors import PosterFontMissing
from application.ports.pictures import Drawing, Pictures
from infrastructure.pictures.drawing import LocalPictures
from infrastructure.pictures.messages import Answer, Drawn, Failed, Undrawable, receive, send

NICE: Final = 10
"""Pictures can wait; payments cannot."""


def serve(link: socket.socket, pictures: Pictures) -> None:
    """Answer drawings until the other end is closed."""
    decoder = msgspec.msgpack.Decoder(Drawing)
    while True:
        try:
            message = receive(link)
        except EOFError:
            return
        send(link, msgspec.msgpack.encode(_answer(decoder.decode(message), pictures)))


def _answer(drawing: Drawing, pictures: Pictures) -> Answer:
    try:
        return Drawn(pictures.draw(drawing))
    except PosterFontMissing as error:
        return Undrawable(str(error.facts["character"]))
    except Exception:  # noqa: BLE001 - the API logs it
        return Failed(traceback.format_exc())


def main() -> None:
    """Serve the socket at file descriptor 0."""
    os.nice(NICE)
    with socket.socket(fileno=0) as link:
        serve(link, LocalPictures())


if __name__ == "__main__":
    main()
