"""Streams of events from processes of their own, so that no payment waits for one (ADR 48)."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import msgspec

from application.errors import Overloaded, TooManyStreams
from application.ports.event_lines import STREAMS_PER_READER_MAX, LinesCutOff, LinesWanted
from infrastructure.streaming.child import READY, Order

STREAMS_MAX: Final = 4
"""Open streams of one process of the API; one more is refused."""
BEGIN_SECONDS_MAX: Final = 10.0
"""For the start of the process, which takes seconds when the machine is busy."""
SILENCE_SECONDS_MAX: Final = 60.0
"""Between two blocks; the statements of the process have a limit of their own."""
END_SECONDS_MAX: Final = 5.0
BLOCK_BYTES: Final = 65_536
NICE: Final = 10
"""How much lower the priority is than the API's: streams can wait, payments cannot."""
COMMAND: Final = (sys.executable, "-P", "-m", "infrastructure.streaming.child")


class StreamProcesses:
    """`api.http.streaming.EventLines` with a process for each stream."""

    def __init__(self, url: str) -> None:
        """Stream the log of a database.

        Args:
            url: of the database; the processes are told it on their standard input.
        """
        self._url = url
        self._open: list[str] = []
        """The reader of each open stream."""

    async def open(self, wanted: LinesWanted, reader: str) -> ProcessBlocks:
        """See the protocol."""
        if self._open.count(reader) >= STREAMS_PER_READER_MAX:
            raise TooManyStreams(owner="The API key", limit=STREAMS_PER_READER_MAX)
        if len(self._open) >= STREAMS_MAX:
            raise Overloaded(reason="too many streams of events are open")
        self._open.append(reader)
        blocks = ProcessBlocks(lambda: self._open.remove(reader))
        try:
            async with asyncio.timeout(BEGIN_SECONDS_MAX):
                await blocks.begin(msgspec.msgpack.encode(Order(self._url, wanted)))
        except (OSError, TimeoutError, LinesCutOff) as error:
            await blocks.close()
            raise Overloaded(reason="the stream of events cannot begin now") from error
        except BaseException:
            await blocks.close()
            raise
        return blocks


class ProcessBlocks:
    """What one process writes."""

    def __init__(self, on_close: Callable[[], None]) -> None:
        self._on_close: Callable[[], None] | None = on_close
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = asyncio.StreamReader()
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before it begins."""
        return self._process.pid if self._process else 0

    async def begin(self, order: bytes) -> None:
        """Start the process in a session of its own: Ctrl-C in the terminal is not for it.

        Raises (checked in this order):
            OSError: it cannot be started.
            LinesCutOff: it cannot read the database.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._reader, self._writer = await asyncio.open_connection(sock=ours)
            self._process = await asyncio.to_thread(_start, theirs)
        self._writer.write(order)
        self._writer.write_eof()
        if await self._reader.read(len(READY)) != READY:
            raise LinesCutOff

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """See the protocol."""
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS_MAX):
                    block = await self._reader.read(BLOCK_BYTES)
            except (OSError, TimeoutError) as error:
                raise LinesCutOff from error
            if not block:
                break
            yield block
        if await self._wait() != 0:
            raise LinesCutOff

    async def close(self) -> None:
        """See the protocol."""
        on_close, self._on_close = self._on_close, None
        if on_close is None:
            return
        on_close()
        if self._writer is not None:
            self._writer.close()
        if self._process is not None:
            self._process.kill()
            await self._wait()

    async def _wait(self) -> int | None:
        """The exit status of a process that ends now."""
        if self._process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, END_SECONDS_MAX)
        return self._process.returncode


def _start(link: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process at its priority: of a short stream, most of the work is its imports."""
    number = link.fileno()
    process = subprocess.Popen(COMMAND, stdin=number, stdout=number, start_new_session=True)
    os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    return process
