"""`demo --lan`: the demo under this machine's address, by http, as nothing else is served."""

from __future__ import annotations

import os
import socket
from typing import Final

from infrastructure import origins
from infrastructure.cli import _support
from infrastructure.settings import PREFIX, Settings

ELSEWHERE: Final = ("192.0.2.1", 9)
"""An address of documentation (RFC 5737): no packet is sent, the system only chooses a route."""


def join() -> None:
    """Set the host of the demo and of its processes to this machine's address."""
    for name in ("PUBLIC_URL", "LIVE_PUBLIC_URL"):
        if os.environ.get(f"{PREFIX}{name}"):
            _support.fail(f"--lan uses this machine's address: unset {PREFIX}{name}")
    os.environ[f"{PREFIX}HOST"] = os.environ.get(f"{PREFIX}HOST") or address()


def address() -> str:
    """This machine's address in its network; without one the program ends."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(ELSEWHERE)
            found = str(probe.getsockname()[0])
    except OSError:
        found = ""
    if not found or origins.is_loopback(found):
        _support.fail(f"this machine is in no network: connect it, or set {PREFIX}HOST")
    return found


def warning(settings: Settings) -> str:
    """What is open, and to whom."""
    return (
        f"Open to the network: anybody who reaches {settings.host} can use this test ledger, by "
        f"http and\nunencrypted, on ports {settings.port} (pages, API) and {settings.live_port} "
        "(live socket). Use it in a network that you trust.\n"
    )
