"""The table of results: one line per measurement, printed as it is made."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.limits import TURN_SECONDS, TURNS
from benchmarks.load import percentile

RUNS_PER_DAY_MAX: Final = 20


class Table:
    """Measurements, their results, and the processor time per command of each process."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def row(self, name: str, result: str, cpu: str = "") -> None:
        """Print one measurement and keep it."""
        self._lines.append(f"| {name} | {result} | {cpu} |")
        print(f"{name:<76} {result:<26} {cpu}".rstrip(), flush=True)

    def save(self, postgresql: str) -> Path:
        """Write the table under today's date; returns its path.

        Args:
            postgresql: the version of the server.
        """
        path = _free_path(datetime.now(UTC).date().isoformat())
        head = (
            f"# {path.stem}\n\n`make bench`, {os.cpu_count()} cores shared by client, server and "
            f"PostgreSQL {postgresql}, {interpreter()}, {TURNS} turns of {TURN_SECONDS} s. Only "
            "the ratios are comparable between runs: median (lowest to highest turn). Processor "
            "time is user and system time per command of each process, median of the turns.\n\n"
            "| Measurement | Result | Processor time per command, µs |\n| --- | --- | --- |\n"
        )
        path.write_text(head + "\n".join(self._lines) + "\n")
        return path


def spread(values: Sequence[float]) -> str:
    """Median, lowest and highest turn."""
    return f"**{median(values):.2f}** ({min(values):.2f} to {max(values):.2f})"


def milliseconds(seconds: Sequence[float]) -> str:
    """p50 and p99 of durations."""
    low, high = (1000 * percentile(seconds, share) for share in (0.5, 0.99))
    return f"{low:.1f} / {high:.1f} ms"


def interpreter() -> str:
    """The version of Python and how it was compiled; an unoptimized build is slower."""
    flags = str(sysconfig.get_config_var("PY_CFLAGS") or "").split()
    level = next((flag for flag in reversed(flags) if flag.startswith("-O")), "-O unknown")
    if "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS")):
        profile = "with profile-guided optimization"
    elif sys.base_prefix == "/usr" and Path("/etc/debian_version").exists():
        # Debian's packaging runs `make profile-opt` itself and removes the flags from sysconfig.
        profile = "Debian's build, with profile-guided optimization"
    else:
        profile = "without profile-guided optimization"
    return f"{sys.implementation.name} {sys.version.split()[0]} ({level}, {profile})"


def _free_path(today: str) -> Path:
    """`2026-11-21.md`; later runs of a day are numbered, so that none replaces another."""
    folder = Path(__file__).parent
    names = (today, *(f"{today}-{number}" for number in range(2, RUNS_PER_DAY_MAX + 1)))
    paths = [folder / f"{name}.md" for name in names]
    return next((path for path in paths if not path.exists()), paths[-1])
