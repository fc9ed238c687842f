"""An installation whose processes can be killed, stopped and restarted."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import psycopg
import psycopg.sql

from application.bus import Bus
from application.commands.set_payout_terms import SetPayoutTerms
from domain import ids
from domain.merchants.api_key import Role
from domain.merchants.payout_terms import PayoutTerms
from infrastructure.accounts import AccountAdmin
from infrastructure.database import make_qr_keys
from infrastructure.opening import make_log
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.postgres.embedded import EmbeddedServer
from infrastructure.postgres.migrate import migrate
from infrastructure.settings import Settings
from tests.chaos.proxy import FaultProxy
from tests.support.api_fixture import free_port

PROGRAM = [sys.executable, "-c", "from infrastructure.cli import main; main()"]
CLOCK_OFFSET = """
create table ledger.clock_offset (by interval not null);
insert into ledger.clock_offset values ('0');
grant select on ledger.clock_offset to public;
create or replace function ledger.server_now() returns timestamptz language sql volatile
  as 'select clock_timestamp() + (select by from ledger.clock_offset)';
"""


class Process:
    """One command of the program, run as a process."""

    def __init__(
        self, name: str, command: str, environment: dict[str, str], home: Path,
        descriptors_max: int = 0,
    ) -> None:  # fmt: skip
        self.name = name
        self._descriptors_max = descriptors_max
        """Limit of open file descriptors; 0 inherits ours."""
        self._command, self._environment, self._home = command, environment, home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process without waiting until it is ready."""
        with (self._home / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*PROGRAM, self._command], env=self._environment, cwd=self._home,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        if self._descriptors_max:
            limits = (self._descriptors_max, self._descriptors_max)
            resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, limits)

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process is running; wait for it to end after a kill."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            if number in {signal.SIGKILL, signal.SIGTERM}:
                self._process.wait(30)

    @property
    def peak_mib(self) -> int:
        """Peak resident memory in MiB."""
        if self._process is None:
            return 0
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024

    @property
    def has_ended(self) -> bool:
        """Whether the process is not running."""
        return self._process is None or self._process.poll() is not None


class ChaosInstallation:
    """PostgreSQL behind a fault proxy, two APIs, two workers, a notifier, and one tenant's keys."""

    def __init__(
        self, home: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None,
        descriptors_max: int = 0, proxied: bool = True,
    ) -> None:  # fmt: skip
        """Start everything.

        Args:
            home: an empty folder.
            durable: whether commits wait for the disk.
            settings: of the processes, beside those that every installation needs.
            descriptors_max: the limit of open files of each process; 0 inherits ours.
            proxied: whether the processes reach PostgreSQL through the fault proxy. It shares this
                process with the clients, so its round trips would dominate a measurement.
        """
        self._proxied = proxied
        self.ahead_seconds = 0
        """How far the right time is ahead of this machine's."""
        self._settings = settings or {}
        self._descriptors_max = descriptors_max
        self.server = EmbeddedServer(home / "store")
        self.url = self.server.start()
        migrate(self.url, mode="test", token_secret=b"s" * 32)
        make_qr_keys(Settings(home=str(home)))
        with psycopg.connect(self.url, autocommit=True) as owner:
            owner.execute(CLOCK_OFFSET)
            if not durable:
                name = psycopg.sql.Identifier(owner.info.dbname)
                off = psycopg.sql.SQL("alter database {} set synchronous_commit = off")
                owner.execute(off.format(name))
                owner.execute("alter system set wal_writer_delay = '10s'")
                owner.execute("select pg_reload_conf()")
        self.proxy = FaultProxy(self.url)
        self._stopped = Event()
        Thread(target=self.server.keep_alive, args=(self._stopped,), daemon=True).start()
        self.merchant_key, self.wallet_key = self.register_tenant()
        ports = [free_port() for _ in range(3)]
        self.apis = [f"http://127.0.0.1:{port}" for port in ports[:2]]
        self.live_port = ports[2]
        self.processes = [
            self._process("api1", "serve", home, port=ports[0]),
            self._process("api2", "serve", home, port=ports[1]),
            self._process("work1", "work", home),
            self._process("work2", "work", home),
            self._process("notify", "notify", home),
        ]
        for process in self.processes:
            process.start()

    def register_tenant(self) -> tuple[str, str]:
        """Register a merchant with payouts in USD, and a wallet app; returns the API key of each."""
        log = make_log(self.url, DatabaseRole.WRITER, size_max=1)
        admin = AccountAdmin(log, Bus(log), "test")
        merchant, app = admin.register_merchant("Cafe", ()), admin.register_app("App")
        terms = PayoutTerms("the cafe's account")
        merchant_id = ids.decode("mer", merchant)
        admin.send(SetPayoutTerms(merchant_id=merchant_id, currency="USD", terms=terms))
        keys = admin.issue_key(Role.MERCHANT, merchant), admin.issue_key(Role.WALLET, app)
        log.close()
        return keys[0].text, keys[1].text

    def _process(self, name: str, command: str, home: Path, port: int = 0) -> Process:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")} | {
            "QRLEDGER_HOME": str(home),
            "QRLEDGER_DATABASE_URL": self.proxy.url if self._proxied else self.url,
            "QRLEDGER_RATE_LIMIT": "0",
            "QRLEDGER_LIVE_PER_ADDRESS": "0",
            "QRLEDGER_PORT": str(port or 1024),
            "QRLEDGER_LIVE_PORT": str(self.live_port),
            "QRLEDGER_PUBLIC_URL": self.apis[0],
            **self._settings,
        }
        return Process(name, command, environment, home, self._descriptors_max)

    def kill_postgres(self) -> None:
        """kill -9 the postmaster and its children: nothing is flushed, no connection is closed."""
        self.signal_postgres(signal.SIGKILL)

    def signal_postgres(self, number: signal.Signals) -> None:
        """Send a signal to the postmaster and its children."""
        postmaster = self.server.pid
        if postmaster is None:
            return
        for pid in [postmaster, *_children(postmaster)]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def shift_clock(self, seconds: int) -> None:
        """Set the error of the database's clock."""
        with psycopg.connect(self.url, autocommit=True) as owner:
            owner.execute(
                "update ledger.clock_offset set by = make_interval(secs => %s)",
                (self.ahead_seconds + seconds,),
            )

    def close(self) -> None:
        """Stop every process and the database."""
        for process in self.processes:
            process.send(signal.SIGCONT)
            process.send(signal.SIGKILL)
        self._stopped.set()
        self.proxy.close()
        self.server.stop()


def _children(parent: int) -> list[int]:
    pids = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                pids.append(int(folder.name))
    return pids


def wait_ready(url: str, tries: int = 300) -> None:
    """Wait until an API responds."""
    import time  # noqa: PLC0415

    import httpx  # noqa: PLC0415

    for _ in range(tries):
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/healthz", timeout=2).is_success:
                return
        time.sleep(0.1)
    msg = f"{url} did not respond"
    raise AssertionError(msg)
