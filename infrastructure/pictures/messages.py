"""What the API's process and its drawing process say to each other."""

from __future__ import annotations

import socket
import struct
from typing import Final

from msgspec import Struct

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""More than the largest picture."""
_LENGTH: Final = struct.Struct(">I")


class Drawn(Struct, frozen=True, tag=True):
    """The bytes of a drawing."""

    data: bytes


class Undrawable(Struct, frozen=True, tag=True):
    """No font has this character."""

    character: str


class Failed(Struct, frozen=True, tag=True):
    """A bug: the traceback."""

    traceback: str


Answer = Drawn | Undrawable | Failed


def send(link: socket.socket, message: bytes) -> None:
    """Send a message of at most 4 GiB."""
    link.sendall(_LENGTH.pack(len(message)) + message)


def receive(link: socket.socket) -> bytes:
    """The next message.

    Raises (checked in this order):
        TimeoutError: it did not arrive within the socket's time limit.
        EOFError: the other end is closed, or the message is too long.
    """
    (length,) = _LENGTH.unpack(_read(link, _LENGTH.size))
    if length > MESSAGE_BYTES_MAX:
        raise EOFError
    return _read(link, length)


def _read(link: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = link.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
