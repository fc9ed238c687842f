"""Draws in a process of its own, so that no payment waits for a picture (ADR 34)."""

from __future__ import annotations

import socket
import subprocess
import sys
from threading import Lock
from typing import Final

import msgspec

from application.errors import Overloaded, PosterFontMissing
from application.ports.pictures import Drawing
from infrastructure.pictures.messages import Answer, Drawn, Undrawable, receive, send

DRAW_SECONDS_MAX: Final = 10.0
"""For one drawing and the start of the process, which takes seconds when the machine is busy."""
END_SECONDS_MAX: Final = 2.0
COMMAND: Final = (sys.executable, "-P", "-m", "infrastructure.pictures.child")


class PictureProcess:
    """The port of pictures in another process, which starts with the first drawing.

    It draws one thing at a time. A process that died, or took too long, is replaced with the next
    drawing.
    """

    def __init__(self, *, seconds_max: float = DRAW_SECONDS_MAX) -> None:
        self._seconds_max = seconds_max
        self._lock = Lock()
        self._answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
        self._child: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None if it is not running."""
        return self._child[0].pid if self._child else None

    def draw(self, drawing: Drawing) -> bytes:
        """See `Pictures`.

        Raises (checked in this order):
            Overloaded: the process died, or did not answer within 10 s.
            PosterFontMissing: see `Pictures`.
            RuntimeError: a bug; the traceback of the other process.
        """
        with self._lock:
            try:
                answer = self._ask(msgspec.msgpack.encode(drawing))
            except (OSError, EOFError) as error:
                self._end()
                raise Overloaded(reason="pictures cannot be drawn now") from error
        match answer:
            case Drawn(data):
                return data
            case Undrawable(character):
                raise PosterFontMissing(character=character)
            case _:
                raise RuntimeError(answer.traceback)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _ask(self, message: bytes) -> Answer:
        if self._child is None:
            self._child = self._start()
        _, link = self._child
        send(link, message)
        return self._answers.decode(receive(link))

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """Start the process in a session of its own: Ctrl-C in the terminal is not for it."""
        ours, theirs = socket.socketpair()
        ours.settimeout(self._seconds_max)
        with theirs:
            process = subprocess.Popen(
                COMMAND, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
            )
        return process, ours

    def _end(self) -> None:
        if self._child is None:
            return
        (process, link), self._child = self._child, None
        link.close()
        process.kill()
        process.wait(END_SECONDS_MAX)
