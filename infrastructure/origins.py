"""Origins: exactly scheme://host[:port], safe in headers, links and QR codes.

No user-info, path, query or fragment is accepted, not even an empty one, nor any character that has
a meaning in a header.
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
    """Scheme, host (lower case, IPv6 without brackets) and port (None for the default port).

    Raises:
        ValueError: not an origin (RFC 6454, 6.2) of one of the schemes.
    """
    match = _ORIGIN.fullmatch(text)
    if match is None or match.group(1) not in schemes:
        msg = "not an origin"
        raise ValueError(msg)
    scheme, host_text, digits = match.groups()
    is_ipv6 = host_text[0] == "["
    host = str(ipaddress.IPv6Address(host_text[1:-1])) if is_ipv6 else host_name(host_text)
    port = int(digits) if digits else None
    if port is not None and (digits[0] == "0" or not 1 <= port <= PORT_MAX):
        msg = "not a port"
        raise ValueError(msg)
    return scheme, host, None if port == DEFAULT_PORTS[scheme] else port


def host_name(text: str) -> str:
    """A DNS name (RFC 1123, 2.1) or an IPv4 address, in lower case.

    Raises:
        ValueError: neither, such as `1.2.3` and `0x7f.1`, which browsers read as addresses.
    """
    labels = text.split(".")
    if not 1 <= len(text) <= HOST_CHARS_MAX or not all(map(_LABEL.fullmatch, labels)):
        msg = "not a host"
        raise ValueError(msg)
    if labels[-1].isdigit() or labels[-1][:2].lower() == "0x":
        return str(ipaddress.IPv4Address(text))
    return text.lower()


def listen_host(text: str) -> str:
    """An address to listen on: IPv4, IPv6 without brackets, or a name; empty for all addresses.

    Raises:
        ValueError: none of these.
    """
    if ":" in text and "%" not in text:
        return str(ipaddress.IPv6Address(text))
    return host_name(text) if text else text


def write(scheme: str, host: str, port: int | None) -> str:
    """The origin as browsers write it, without the default port."""
    authority = f"[{host}]" if ":" in host else host
    return f"{scheme}://{authority}" if port is None else f"{scheme}://{authority}:{port}"


def is_loopback(host: str) -> bool:
    """Whether the host, as `parse` returns it, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
