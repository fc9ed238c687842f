"""Processor time of processes, from `/proc/<pid>/stat` (proc(5)): user and system time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
PARENT, TIMES = 1, slice(11, 15)
"""Fields after the name: the parent's id; `utime stime cutime cstime`."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a load."""

    commands: int
    seconds: float
    cpu: dict[str, float]
    """Processor seconds by process."""

    @property
    def rate(self) -> float:
        """Commands per second."""
        return self.commands / self.seconds

    def __add__(self, other: Turn) -> Turn:
        """Both turns as one."""
        cpu = {process: used + other.cpu[process] for process, used in self.cpu.items()}
        return Turn(self.commands + other.commands, self.seconds + other.seconds, cpu)

    def cost(self, process: str) -> float:
        """Processor time of a process per command, in µs."""
        return 1e6 * self.cpu[process] / self.commands

    @property
    def total_cost(self) -> float:
        """Processor time of all processes per command, in µs."""
        return sum(self.cost(process) for process in self.cpu)


class Meter:
    """Measures the processor time of named processes and of PostgreSQL."""

    def __init__(self, pids: Mapping[str, int], postmaster: int = 0) -> None:
        """Start to measure.

        Args:
            pids: process ids by name.
            postmaster: the id of PostgreSQL's first process; 0 if it is not measured.
        """
        self._pids, self._postmaster = pids, postmaster
        self._before = self._read()

    def seconds(self) -> dict[str, float]:
        """Processor seconds by process since this meter was made, in steps of 10 ms."""
        return {name: now - self._before[name] for name, now in self._read().items()}

    def _read(self) -> dict[str, float]:
        used = {name: process_seconds(pid) for name, pid in self._pids.items()}
        if self._postmaster:
            used["PostgreSQL"] = family_seconds(self._postmaster)
        return used


def process_seconds(pid: int) -> float:
    """Processor seconds of a process, all threads."""
    return sum(_fields(Path(f"/proc/{pid}"))[1][:2]) / TICKS_PER_SECOND


def family_seconds(pid: int) -> float:
    """Processor seconds of a process and its children, those that have ended included.

    The backends of PostgreSQL are children of one process and come and go with connections.
    """
    stats = [_fields(folder) for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
    ticks = sum(sum(times) for parent, times in stats if parent == pid)
    return (ticks + sum(_fields(Path(f"/proc/{pid}"))[1])) / TICKS_PER_SECOND


def costs(turns: Sequence[Turn]) -> str:
    """Processor time per command of each process and of all: the medians of the turns, in µs."""
    each = [f"{name} {median(turn.cost(name) for turn in turns):.0f}" for name in turns[0].cpu]
    total = f"together {median(turn.total_cost for turn in turns):.0f}"
    return ", ".join([*each, total] if len(each) > 1 else each)


def _fields(folder: Path) -> tuple[int, list[int]]:
    """The parent's id and the times of a process; (0, []) if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        return int(fields[PARENT]), [int(ticks) for ticks in fields[TIMES]]
    return 0, []
