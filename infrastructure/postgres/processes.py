"""Small questions about processes of this machine."""

from __future__ import annotations

import os
import subprocess


def alive(pid: int) -> bool:
    """Whether a process of this id exists, ours or anybody's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def succeeds(command: list[str]) -> bool:
    """Whether a command ends with status 0 within 10 s; what it writes is dropped."""
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
