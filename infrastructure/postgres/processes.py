"""Processes of this machine."""

from __future__ import annotations

import os
import subprocess


def alive(pid: int) -> bool:
    """Whether a process with this id exists, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def succeeds(command: list[str]) -> bool:
    """Whether a command exits with status 0 within 10 s; its output is discarded."""
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
