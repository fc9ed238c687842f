"""An installation as operators run it: PostgreSQL, `serve`, `work` and `notify` as processes."""

from __future__ import annotations

import resource
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg

from benchmarks.cpu import Meter
from benchmarks.processes import PROGRAM, ROOT, environment_of, run_command, started
from infrastructure.postgres.embedded import EmbeddedServer

PORTS: Final = (18_580, 18_581)
"""Ports of the API and of the live socket."""
OTHER_PORTS: Final = (18_583, 18_584)
"""Ports of a second installation."""
NOOP_PORT: Final = 18_582
NOOP_SECONDS_MAX: Final = 60
"""Time for the no-op server to start."""
FILES_MAX: Final = 20_000
COMMANDS: Final = ("serve", "work", "notify")


@dataclass
class Installation:
    """A running installation: addresses, API keys and processes."""

    base_url: str
    database_url: str
    keys: dict[str, str]
    """`merchant_key`, `wallet_key` and `auditor_key`."""
    postmaster: int
    """The process id of PostgreSQL."""
    started_seconds: dict[str, float] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)

    def memory_mib(self, name: str) -> float:
        """Resident memory of a process, in MiB."""
        status = Path(f"/proc/{self.pids[name]}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def meter(self, client: int) -> Meter:
        """Measures the processor time of every process from now on.

        Args:
            client: the process id of the client.
        """
        return Meter({"client": client, **self.pids}, self.postmaster)


@contextmanager
def database_server(folder: Path) -> Iterator[EmbeddedServer]:
    """Start PostgreSQL with its files in a folder."""
    server = EmbeddedServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def process_id(server: EmbeddedServer) -> int:
    """The process id of a running server."""
    if server.pid is None:
        msg = "PostgreSQL is not running"
        raise RuntimeError(msg)
    return server.pid


def fresh_database(
    server: EmbeddedServer, name: str, tree: Path = ROOT, home: Path | None = None
) -> str:
    """Create a database and migrate it with the version of the program in `tree`; its URL.

    What else `migrate` makes is in `home`, or in the server's folder.
    """
    url = server.start()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"create database {name}")  # the names are constants
    url = urlsplit(url)._replace(path=f"/{name}").geturl()
    settings = {"QRLEDGER_HOME": str(home or server.folder), "QRLEDGER_DATABASE_URL": url}
    run_command(environment_of(tree, settings), "migrate")
    return url


@contextmanager
def installation(
    server: EmbeddedServer,
    name: str,
    home: Path,
    *,
    tree: Path = ROOT,
    ports: tuple[int, int] = PORTS,
    program: Sequence[str] = PROGRAM,
) -> Iterator[Installation]:
    """Create a database and start every process on it, with rate limits off.

    Args:
        server: where to create the database.
        name: the name of the database.
        home: the folder of the installation's files.
        tree: the root folder of the version of the program.
        ports: ports of the API and of the live socket.
        program: what runs the commands.
    """
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES_MAX, files_max), files_max))
    url = fresh_database(server, name, tree, home)
    environment = environment_of(
        tree,
        {
            "QRLEDGER_HOME": str(home),
            "QRLEDGER_DATABASE_URL": url,
            "QRLEDGER_PORT": str(ports[0]),
            "QRLEDGER_LIVE_PORT": str(ports[1]),
            "QRLEDGER_RATE_LIMIT": "0",
            "QRLEDGER_LIVE_PER_ADDRESS": "0",
        },
    )
    keys = _tenant(environment)
    running = Installation(f"http://127.0.0.1:{ports[0]}", url, keys, process_id(server))
    with ExitStack() as processes:
        for command in COMMANDS:
            before = time.perf_counter()
            log = home / f"{name}-{command}.log"
            process = processes.enter_context(started([*program, command], environment, log=log))
            if process.stdout is None or not process.stdout.readline():
                msg = f"{command} did not start: {log.read_text()}"
                raise RuntimeError(msg)
            running.pids[command] = process.pid
            running.started_seconds[command] = time.perf_counter() - before
        yield running


def _tenant(environment: Mapping[str, str]) -> dict[str, str]:
    """Register a merchant and a wallet app; returns the API key of each."""
    merchant = run_command(environment, "merchants", "register", "Cafe")
    app = run_command(environment, "apps", "register", "App")
    return {
        "merchant_key": run_command(
            environment, "keys", "create", "merchant", "--holder", merchant
        ),
        "wallet_key": run_command(environment, "keys", "create", "wallet", "--holder", app),
        "auditor_key": run_command(environment, "keys", "create", "auditor"),
    }


@contextmanager
def noop() -> Iterator[tuple[str, int]]:
    """Start the no-op server; yields its URL and its process id."""
    command = [sys.executable, "-P", "-m", "benchmarks.noop", str(NOOP_PORT)]
    with started(command, environment_of(ROOT)) as process:
        _wait_until_listening(NOOP_PORT)
        yield f"http://127.0.0.1:{NOOP_PORT}", process.pid


def _wait_until_listening(port: int) -> None:
    """Wait for a server on this machine.

    Raises:
        ConnectionRefusedError: nothing listens after 60 s.
    """
    until = time.monotonic() + NOOP_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
