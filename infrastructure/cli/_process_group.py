"""The demo's other processes, such as `qrledger work --demo`: started, awaited and stopped.

A socket ties a member to the demo, as its standard input and output. The member reads one line, the
URL of the database: a secret, which belongs on no command line. The end of its input means that the
demo has ended, even by kill -9, and ends the member at once; the kernel closes the socket, so there
is no moment at which a member could be left behind. The member writes one line when it is ready;
the end of its output means that it has ended. Its messages go to the demo's standard error.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import Final

from infrastructure.cli._support import EXIT_BAD_INPUT, EXIT_INTERRUPTED
from infrastructure.postgres.urls import URL_CHARS_MAX

READY_SECONDS: Final = 60
STOP_SECONDS: Final = 15
"""For all members together; then they are killed. The loops of a worker stop within 10 s."""


_log = logging.getLogger(__name__)


class MemberFailed(Exception):
    """A member has ended or does not become ready; the message says which."""

    def __init__(self, message: str, *, reported: bool = False) -> None:
        super().__init__(message)
        self.reported = reported
        """Whether the member has written the reason itself."""


class ProcessGroup:
    """The members, started together."""

    def __init__(self, *commands: str, optional: Sequence[str] = ()) -> None:
        """Start a member for each command; it imports its modules and waits for the database.

        The demo goes on without the optional ones.
        """
        self._members = [_Member(command) for command in commands]
        self._members += [_Member(command, optional=True) for command in optional]

    def begin(self, url: str, **own_urls: str) -> None:
        """Let them open the database; `own_urls` has those of members with another login.

        A member whose own URL is empty ends without a word.
        """
        for member in self._members:
            member.begin(own_urls.get(member.command, url))

    async def ready(self) -> None:
        """Wait until all that are not optional are ready; `watch` must run meanwhile.

        Raises:
            MemberFailed: one is not ready within 60 s.
        """
        for member in self._members:
            if not member.optional:
                await member.ready()

    async def watch(self) -> None:
        """Wait until one that is not optional has ended.

        Raises:
            MemberFailed: always.
        """
        await asyncio.gather(*(member.watch() for member in self._members))

    def close(self) -> None:
        """Stop those that are running, within 15 s."""
        for member in self._members:
            member.terminate()
        until = time.monotonic() + STOP_SECONDS
        for member in self._members:
            member.wait(until - time.monotonic())


class _Member:
    """One process of the group."""

    def __init__(self, command: str, *, optional: bool = False) -> None:
        self.command = command
        self.optional = optional
        self._begun = False
        self._name = f"qrledger {command}"
        self._socket, theirs = socket.socketpair()
        # Ctrl-C is for the demo alone, which then stops its members; a child inherits the mask.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with theirs:
                self._process = subprocess.Popen(
                    _command_line(command), stdin=theirs.fileno(), stdout=theirs.fileno()
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._ready = asyncio.Event()

    def begin(self, url: str) -> None:
        self._begun = bool(url)
        if not url:
            self._socket.shutdown(socket.SHUT_WR)
            return
        with suppress(ConnectionError):  # it has ended, as `watch` reports
            self._socket.sendall(f"{url}\n".encode())

    async def ready(self) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            msg = f"`{self._name}` is not ready after {READY_SECONDS} s"
            raise MemberFailed(msg) from None

    async def watch(self) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=self._socket)
        try:
            with suppress(ConnectionResetError):  # it has ended without reading the URL
                if await reader.readline():
                    self._ready.set()
                await reader.read()
        finally:
            writer.close()
        status = await asyncio.to_thread(self._process.wait)
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        if self.optional:
            if self._begun:
                _log.error("`%s` has ended %s; the demo goes on without it", self._name, how)
            return
        msg = f"`{self._name}` has ended {how}, so the demo ends"
        raise MemberFailed(msg, reported=status == EXIT_BAD_INPUT)

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, seconds: float) -> None:
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0, seconds))
        finally:  # also after a second Ctrl-C
            self._process.kill()
            self._process.wait()
            self._socket.close()


def join() -> str:
    """The URL of the database, in a member, which from now on ends at once with the demo."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(sys.stdin.fileno(), URL_CHARS_MAX)
        if not part:
            os._exit(EXIT_INTERRUPTED)
        line += part
    Thread(target=_end_with_demo, name="demo", daemon=True).start()
    return line.decode().rstrip("\n")


def _end_with_demo() -> None:
    with suppress(ConnectionResetError):  # the demo has ended before it read that this is ready
        os.read(sys.stdin.fileno(), 1)
    os._exit(EXIT_INTERRUPTED)


def _command_line(command: str) -> list[str]:
    """Another command of this program, by the same interpreter with the same options."""
    program = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]
    return [sys.executable, *program, command, "--demo"]
