"""A witness behind a real port, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from infrastructure.settings import Settings
from infrastructure.witness_bootstrap import witnessing
from infrastructure.witnessing.home import WitnessHome
from tests.support.witnesses import LOG, NEW_LOG

SECONDS = 30


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def make_home(
    folder: Path, *, seed: bytes = bytes([7, 0] * 16), name: str = "w0.example"
) -> WitnessHome:
    home = WitnessHome(folder)
    home.make(name, seed)
    text = f"log {LOG.verifier}\nlog {NEW_LOG.verifier}\nquorum none\n"
    (folder / "logs").write_text(text)
    return home


class Response(NamedTuple):
    status: int
    type: str | None
    body: bytes


class WitnessServer:
    """The address of a witness, and a plain client."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def post(self, body: bytes, path: str = "/add-checkpoint", method: str = "POST") -> Response:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return Response(answer.status, answer.getheader("content-type"), answer.read())
        finally:
            connection.close()


@contextmanager
def serving_witness(home: WitnessHome, port: int = 0) -> Iterator[WitnessServer]:
    """The witness of a folder, within the context; on a free port unless one is named."""
    port = port or free_port()
    settings = Settings(witness_home=str(home.folder), witness_port=port)
    started, failures = threading.Event(), list[BaseException]()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with witnessing(settings):
            started.set()
            await stop.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert started.wait(SECONDS)
        if failures:
            raise failures[0]
        yield WitnessServer(port)
    finally:
        if not failures:
            loop.call_soon_threadsafe(stop.set)
        thread.join(SECONDS)
        assert not thread.is_alive()
