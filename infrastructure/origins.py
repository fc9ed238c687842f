"""What an origin is: exactly scheme://host[:port], as it may stand in a header or a code.

An origin of ours goes into policies, links and QR codes, so nothing else gets in: no user-info, no
path, query or fragment, not even empty ones, and no character that a header would read as more.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

HOST_CHARS_MAX: Final = 253
PORT_MAX: Final = 65_535
DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_ORIGIN = re.compile(
    r"([a-z]{2,5})://(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,253})(?::([0-9]{1,5}))?"
)
_LABEL = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?")


def parse(text: str, schemes: tuple[str, ...]) -> tuple[str, str, int | None]:
    """Scheme, host (lower case, IPv6 without brackets) and port (None: the scheme's own).

    Raises:
        ValueError: not an origin (RFC 6454, 6.2) of one of the schemes.
    """
    match = _ORIGIN.fullmatch(text)
    if match is None or match.group(1) not in schemes:
        msg = "not an origin"
        raise ValueError(msg)
    scheme, written, digits = match.groups()
    host = str(ipaddress.IPv6Address(written[1:-1])) if written[0] == "[" else host_name(written)
    port = int(digits) if digits else None
    if port is not None and (digits[0] == "0" or not 1 <= port <= PORT_MAX):
        msg = "not a port"
        raise ValueError(msg)
    return scheme, host, None if port == DEFAULT_PORTS[scheme] else port


def host_name(text: str) -> str:
    """A DNS name (RFC 1123, 2.1) or an IPv4 address, in lower case.

    Raises:
        ValueError: neither. `1.2.3` and `0x7f.1` are neither: browsers read them as addresses.
    """
    labels = text.split(".")
    if not 1 <= len(text) <= HOST_CHARS_MAX or not all(map(_LABEL.fullmatch, labels)):
        msg = "not a host"
        raise ValueError(msg)
    if labels[-1].isdigit() or labels[-1][:2].lower() == "0x":
        return str(ipaddress.IPv4Address(text))
    return text.lower()


def listen_host(text: str) -> str:
    """An address to listen on: IPv4, IPv6 without brackets, or a name; empty stands for all.

    Raises:
        ValueError: none of these.
    """
    if ":" in text and "%" not in text:
        return str(ipaddress.IPv6Address(text))
    return host_name(text) if text else text


def write(scheme: str, host: str, port: int | None) -> str:
    """The origin as browsers write it: the scheme's own port is left out."""
    written = f"[{host}]" if ":" in host else host
    return f"{scheme}://{written}" if port is None else f"{scheme}://{written}:{port}"


def is_loopback(host: str) -> bool:
    """Whether the host, as `parse` returns it, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
