"""The number of connections that the file descriptors of this process allow."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

RESERVED: Final = 256
"""For database connections, files, the embedded server, and connections accepted in a burst."""
PORTS: Final = 2
"""The API and the live socket may share a process; each gets half."""
CONNECTIONS_MIN: Final = 16
UNLIMITED: Final = 1_048_576


def raise_limit() -> int:
    """Raise the soft limit to the hard limit if allowed; returns the limit now in force."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return UNLIMITED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return UNLIMITED if soft == resource.RLIM_INFINITY else min(soft, UNLIMITED)


def connections_max(descriptors: int) -> int:
    """Connections per port for a number of descriptors, at least 16."""
    return max((descriptors - RESERVED) // PORTS, CONNECTIONS_MIN)
