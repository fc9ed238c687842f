"""An installation as operators run it: PostgreSQL, `serve`, `work` and `notify` as processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from application.bus import Bus
from domain.merchants.api_key import Role
from infrastructure import bootstrap
from infrastructure.accounts import AccountAdmin
from infrastructure.postgres.connections import DatabaseRole
from infrastructure.settings import Settings

PROGRAM = [sys.executable, "-c", "from infrastructure.cli import main; main()"]
PORTS = (18_580, 18_581, 18_582)
FILES_MAX = 20_000


@dataclass
class Installation:
    """A running installation: addresses, API keys and processes."""

    base_url: str
    live_port: int
    keys: dict[str, str]
    """`merchant_key` and `wallet_key`."""
    started_seconds: dict[str, float] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def memory_mib(self, name: str) -> float:
        """Resident memory of a process, in MiB."""
        status = Path(f"/proc/{self.processes[name].pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextmanager
def installation(url: str, home: Path) -> Iterator[Installation]:
    """Start every process on a migrated database, with rate limits off."""
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES_MAX, files_max), files_max))
    settings = Settings(database_url=url, port=PORTS[0], live_port=PORTS[1], rate_limit=0)
    log = bootstrap.make_log(url, DatabaseRole.WRITER, size_max=1)
    admin = AccountAdmin(log, Bus(log), settings.mode)
    merchant, app = admin.register_merchant("Cafe", ()), admin.register_app("App")
    keys = {
        "merchant_key": admin.issue_key(Role.MERCHANT, merchant).text,
        "wallet_key": admin.issue_key(Role.WALLET, app).text,
    }
    log.close()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QRLEDGER_")} | {
        "QRLEDGER_HOME": str(home),
        "QRLEDGER_DATABASE_URL": url,
        "QRLEDGER_PORT": str(PORTS[0]),
        "QRLEDGER_LIVE_PORT": str(PORTS[1]),
        "QRLEDGER_RATE_LIMIT": "0",
        "QRLEDGER_LIVE_PER_ADDRESS": "0",
    }
    running = Installation(settings.public_origin, PORTS[1], keys)
    try:
        for name in ("serve", "work", "notify"):
            started = time.perf_counter()
            process = subprocess.Popen(
                [*PROGRAM, name], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            running.processes[name] = process
            if process.stdout is None or not process.stdout.readline():
                msg = f"{name} did not start"
                raise RuntimeError(msg)
            running.started_seconds[name] = time.perf_counter() - started
        yield running
    finally:
        for process in running.processes.values():
            process.terminate()
        for process in running.processes.values():
            process.wait(30)
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def noop() -> Iterator[str]:
    """Start the no-op server; yields its URL."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.noop", str(PORTS[2])])
    time.sleep(2)
    try:
        yield f"http://127.0.0.1:{PORTS[2]}"
    finally:
        process.terminate()
        process.wait(30)
