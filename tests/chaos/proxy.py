"""A link that fails: cut after COMMIT, cut in mid-frame, delayed, dripping, or a black hole."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from threading import Event, Thread
from typing import Final
from urllib.parse import urlsplit

MODES: Final = ("pass", "cut after commit", "cut in mid-frame", "delay", "drip", "black hole")
ANSWER: Final = b"verdict"
"""A column that only an append answers with: when it passes, the commit is done."""


class FaultProxy:
    """Passes bytes to PostgreSQL in the mode that is set; counts what it did."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.mode = "pass"
        self.faults = 0
        self._healed = Event()
        self._healed.set()
        Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The database through the proxy."""
        port = self._listening.getsockname()[1]
        netloc = f"{self._parts.username}:{self._parts.password}@127.0.0.1:{port}"
        return self._parts._replace(netloc=netloc).geturl()

    def set(self, mode: str) -> None:
        """From now on, for every link."""
        self.mode = mode
        if mode == "black hole":
            self._healed.clear()
        else:
            self._healed.set()

    def close(self) -> None:
        self.set("pass")
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

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._pass_on(data, sink, answers=answers):
                    break
        for link in (source, sink):
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _pass_on(self, data: bytes, sink: socket.socket, *, answers: bool) -> bool:
        mode = self.mode
        if mode == "cut after commit" and answers and ANSWER in data:
            self.faults += 1
            return False
        if mode == "cut in mid-frame" and answers and len(data) > 64:
            self.faults += 1
            sink.sendall(data[: len(data) // 2])
            return False
        if mode == "delay":
            time.sleep(0.05)
        if mode == "drip" and len(data) < 2048:
            for place in range(0, len(data), 16):
                sink.sendall(data[place : place + 16])
                time.sleep(0.001)
            return True
        if not self._healed.is_set():
            self.faults += 1
            self._healed.wait(60)
        sink.sendall(data)
        return True
