"""A TCP proxy in front of PostgreSQL that cuts, delays, slows down or swallows traffic."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from threading import Event, Thread
from typing import Final
from urllib.parse import urlsplit

MODES: Final = ("forward", "cut after commit", "cut in mid-frame", "delay", "drip", "black hole")
APPEND_RESULT: Final = b"verdict"
"""A column that only `ledger.append` returns: once it passes, the commit is done."""


class FaultProxy:
    """Forwards bytes to and from PostgreSQL in the current mode; counts the faults it caused."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.mode = "forward"
        self.faults = 0
        self._forwarding = Event()
        self._forwarding.set()
        Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Database URL that leads through the proxy."""
        port = self._listening.getsockname()[1]
        netloc = f"{self._parts.username}:{self._parts.password}@127.0.0.1:{port}"
        return self._parts._replace(netloc=netloc).geturl()

    def set(self, mode: str) -> None:
        """Switch the mode of every connection, open ones too."""
        self.mode = mode
        if mode == "black hole":
            self._forwarding.clear()
        else:
            self._forwarding.set()

    def close(self) -> None:
        self.set("forward")
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                address = (self._parts.hostname or "", self._parts.port or 0)
                server = socket.create_connection(address, timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._forward(data, sink, from_server=from_server):
                    break
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _forward(self, data: bytes, sink: socket.socket, *, from_server: bool) -> bool:
        mode = self.mode
        if mode == "cut after commit" and from_server and APPEND_RESULT in data:
            self.faults += 1
            return False
        if mode == "cut in mid-frame" and from_server and len(data) > 64:
            self.faults += 1
            sink.sendall(data[: len(data) // 2])
            return False
        if mode == "delay":
            time.sleep(0.05)
        if mode == "drip" and len(data) < 2048:
            for start in range(0, len(data), 16):
                sink.sendall(data[start : start + 16])
                time.sleep(0.001)
            return True
        if not self._forwarding.is_set():
            self.faults += 1
            self._forwarding.wait(60)
        sink.sendall(data)
        return True
