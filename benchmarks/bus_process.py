"""The load on the bus in a process of its own, which can run any version of the program.

A version is comparable if its `benchmarks/bus_load.py` has `bus(url, seconds)` and a class `Load`
with `run(seconds)` and `commands`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.cpu import Meter, Turn
from benchmarks.processes import ROOT, environment_of, started

LOADER: Final = """
import sys
from pathlib import Path
from benchmarks import bus_load
from infrastructure.runtime import tune_garbage_collector

class Load(bus_load.Load):
    def run(self, seconds):
        print("ready", flush=True)
        sys.stdin.readline()
        took = super().run(seconds)
        print(self.commands, took, flush=True)
        sys.stdin.readline()  # until the processor time has been read
        return took

bus_load.Load = Load
tune_garbage_collector()
print(Path(bus_load.__file__).parents[1], flush=True)
for line in sys.stdin:
    bus_load.bus(sys.argv[1], float(line))
    print("closed", flush=True)
"""
"""Waits for a line on standard input before each step. Connections, wallets and commands are made
before the load starts."""


class BusProcess:
    """A process that runs turns of the load on request."""

    def __init__(self, process: subprocess.Popen[bytes], postmaster: int) -> None:
        self._process, self._postmaster = process, postmaster

    def turn(self, seconds: float) -> Turn:
        """Run the load with 64 commands in flight."""
        self._request(str(seconds))
        meter = Meter({"bus": self._process.pid}, self._postmaster)
        commands, took = self._request("start").split()
        turn = Turn(int(commands), float(took), meter.seconds())
        self._request("close")
        return turn

    def _request(self, line: str) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError
        stdin.write(line.encode() + b"\n")
        stdin.flush()
        answer = stdout.readline().decode()
        if not answer:
            msg = "the load on the bus has ended; see the error above"
            raise RuntimeError(msg)
        return answer.strip()


@contextmanager
def bus_process(url: str, postmaster: int, tree: Path = ROOT) -> Iterator[BusProcess]:
    """Start the load of the version in `tree` on a migrated database."""
    command = [sys.executable, "-P", "-c", LOADER, url]
    with started(command, environment_of(tree)) as process:
        first = process.stdout.readline().decode().strip() if process.stdout else ""
        if first != str(tree):
            msg = f"the load was imported from {first or 'nowhere'}, not from {tree}"
            raise RuntimeError(msg)
        yield BusProcess(process, postmaster)
