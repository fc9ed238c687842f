"""One PostgreSQL server process and its files: created, launched, found.

The server never runs as root: root maps itself to an ordinary user in a user namespace of its own,
or runs the server as a service user.
"""

from __future__ import annotations

import os
import pwd
import random
import secrets
import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from infrastructure.postgres.binaries import Binaries
from infrastructure.postgres.processes import alive, succeeds

PORTS: Final = range(20_000, 32_768)
USER: Final = "qrledger"
"""The superuser."""
SERVICE_USERS: Final = ("qrledger", "postgres", "nobody")

SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "logging_collector": "off",
}


class EmbeddedError(Exception):
    """The embedded server cannot run here; the message says why and what to do."""


class SystemUser(NamedTuple):
    """The user of the operating system that runs the server."""

    prefix: tuple[str, ...] = ()
    """Put in front of every command of the server."""
    name: str | None = None
    """A service user; None for the user of this process."""

    def own(self, *paths: Path) -> None:
        """Make the service user, if there is one, the owner of files."""
        if self.name is not None:
            entry = pwd.getpwnam(self.name)
            for path in paths:
                os.chown(path, entry.pw_uid, entry.pw_gid)


class Running(NamedTuple):
    """A server process that exists."""

    pid: int
    port: int


def choose_user() -> SystemUser:
    """The user that may run the server here.

    Raises:
        EmbeddedError: this is root, and there is no other user to run it.
    """
    if os.geteuid() != 0:
        return SystemUser()
    unshare = shutil.which("unshare")
    mapping = ["--user", "--map-user=1000", "--map-group=1000"]
    if unshare and succeeds([unshare, *mapping, "true"]):
        return SystemUser((unshare, *mapping, "--"))
    for name in SERVICE_USERS:
        with suppress(KeyError):
            pwd.getpwnam(name)
            return SystemUser(name=name)
    msg = "PostgreSQL does not run as root, and no other user can run it: set QRLEDGER_DATABASE_URL"
    raise EmbeddedError(msg)


def create_data(folder: Path, binaries: Binaries, user: SystemUser) -> None:
    """Create `folder`/data with a superuser whose password is in `folder`/password.

    Raises:
        EmbeddedError: initdb failed.
    """
    password = folder / "password"
    password.write_text(secrets.token_urlsafe(32))
    password.chmod(0o600)
    user.own(password)
    new = folder / "data.new"  # renamed when complete, so that an interrupted initdb leaves no data
    shutil.rmtree(new, ignore_errors=True)
    command = [
        *user.prefix, *_tie(), str(binaries.folder / "initdb"), "-D", str(new), "-k", "-U", USER,
        "--auth-host=scram-sha-256", "--auth-local=scram-sha-256", f"--pwfile={password}",
        "-E", "UTF8", "--locale=C", "--no-instructions",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, user=user.name, cwd="/"
    )
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        msg = f"initdb failed in {folder}: {' '.join(reason)}"
        raise EmbeddedError(msg)
    new.rename(folder / "data")


def launch(
    folder: Path, binaries: Binaries, user: SystemUser, port: int, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the server on a port; it writes to `folder`/postgres.log.

    Raises:
        OSError: it cannot be started.
    """
    command = [
        *user.prefix, *_tie(), str(binaries.folder / "postgres"), "-D", str(folder / "data"),
        "-p", str(port), *(f"--{name}={value}" for name, value in settings.items()),
    ]  # fmt: skip
    with (folder / "postgres.log").open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=user.name, cwd="/",
            process_group=0,  # Ctrl-C is for its owner, which needs it until everything has stopped
        )  # fmt: skip


def _tie() -> tuple[str, ...]:
    """Put in front of a command: it gets SIGINT when this process ends, even by kill -9 (Linux).

    The kernel sends nothing if this process ended before the command asked for the signal, so the
    command then runs only if its parent is still this process.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    only_of_parent = 'test "$PPID" = "$0" && exec "$@"'
    return (setpriv, "--pdeathsig", "INT", "--", "sh", "-c", only_of_parent, str(os.getpid()))


def find_running(data: Path) -> Running | None:
    """The server of a data directory, if its process exists and is a PostgreSQL.

    Raises:
        OSError: unknown, because a file cannot be opened; the server may well be running.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        running = Running(int(lines[0]), int(lines[3]))
        name = Path(f"/proc/{running.pid}/comm")
        if name.exists() and "postgres" not in name.read_text():
            return None
    except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
        return None
    return running if alive(running.pid) else None


def is_free(port: int) -> bool:
    """Whether a port of 127.0.0.1 can be bound."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A free port below the range that the kernel assigns.

    Raises:
        EmbeddedError: none of 200 was free.
    """
    for port in random.sample(PORTS, 200):
        if is_free(port):
            return port
    msg = "no free port between 20000 and 32767"
    raise EmbeddedError(msg)
