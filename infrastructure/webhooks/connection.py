"""One HTTP request over one connection to one address, with an end in time and in bytes.

`http.client` reads the answer; what it reads from is a socket that knows the deadline, so a server
that sends a byte now and then ends with it as well.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final, NamedTuple
from urllib.parse import SplitResult

from application.ports.webhook_sender import ANSWER_BYTES_MAX, WebhookCall

RECEIVED_BYTES_MAX: Final = 65_536
"""Headers and the beginning of the body."""
BODY_SECONDS_MAX: Final = 2.0
"""How long the beginning of a body is waited for, once the status is known."""


class TooLong(Exception):
    """The answer has too many bytes, or takes too long."""


class RawAnswer(NamedTuple):
    """What was received."""

    status: int
    body: bytes
    retry_after: str | None


class _Deadline:
    """When everything ends, by elapsed seconds."""

    def __init__(self, at: float) -> None:
        self.at = at

    def left(self) -> float:
        """Seconds left.

        Raises:
            TooLong: there are none.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise TooLong
        return left


class _Reading(io.RawIOBase):
    """The received bytes of a socket, until the deadline and up to a number."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        self._left = RECEIVED_BYTES_MAX

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """The next bytes; raises `TooLong` at an end."""
        if self._left <= 0:
            raise TooLong
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(buffer[: self._left])
        self._left -= count
        return count


class _Socket:
    """What `http.client` sees of the socket."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """The received bytes."""
        return io.BufferedReader(_Reading(self._sock, self._deadline))

    def sendall(self, data: bytes) -> None:
        """Send before the deadline."""
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(data)

    def close(self) -> None:
        """Nothing: `http.client` closes as soon as it has the headers, and the body follows."""


def post(
    call: WebhookCall,
    parts: SplitResult,
    address: str,
    *,
    context: ssl.SSLContext,
    deadline: float,
) -> RawAnswer:
    """Send a call to an address that was checked, under its URL's name.

    Args:
        call: headers and body.
        parts: of the call's URL.
        address: the IP address; nothing is resolved here.
        context: verifies the certificate against the URL's name.
        deadline: by `time.monotonic`.

    Raises:
        OSError, HTTPException, TooLong: there is no answer.
    """
    ends = _Deadline(deadline)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with socket.create_connection((address, port), timeout=ends.left()) as plain:
        plain.settimeout(ends.left())
        if parts.scheme == "https":
            with context.wrap_socket(plain, server_hostname=host) as sock:
                return _exchange(call, parts, sock, ends)
        return _exchange(call, parts, plain, ends)


def _exchange(
    call: WebhookCall, parts: SplitResult, sock: socket.socket, ends: _Deadline
) -> RawAnswer:
    connection = HTTPConnection(parts.hostname or "")
    connection.sock = _Socket(sock, ends)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.putrequest("POST", target, skip_host=True, skip_accept_encoding=True)
    for name, value in call.all_headers.items():
        connection.putheader(name, value)
    connection.endheaders(call.body)
    response = connection.getresponse()
    ends.at = min(ends.at, time.monotonic() + BODY_SECONDS_MAX)
    return RawAnswer(response.status, _beginning(response), response.getheader("retry-after"))


def _beginning(response: HTTPResponse) -> bytes:
    """The first 1 KB of the body, or what came of it: the status has decided already."""
    body = b""
    try:
        while len(body) < ANSWER_BYTES_MAX:
            part = response.read1(ANSWER_BYTES_MAX - len(body))
            if not part:
                break
            body += part
    except (OSError, HTTPException, TooLong, ValueError):
        pass
    return body
