"""Whose address a request comes from: one definition for every port.

`X-Forwarded-For` counts only as far as trusted proxies wrote it: it is read from its right end, and
the first address that is not a trusted proxy's is the caller's. The header may come several times;
then its values are one list, in order (RFC 9110, 5.3).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

IPV6_PREFIX_BITS: Final = 64
"""One IPv6 customer has at least a /64 (RFC 6177), so its addresses count as one."""
REMEMBERED_MAX: Final = 4096


def client_address(peer: str, forwarded: Sequence[str], trusted_proxies: Sequence[str]) -> str:
    """The caller's address; the peer's own unless trusted proxies say otherwise.

    Args:
        peer: the address at the other end of the connection.
        forwarded: the values of every `X-Forwarded-For` header, in order.
        trusted_proxies: addresses whose `X-Forwarded-For` is believed.
    """
    address = normal(peer)
    if not forwarded:
        return address
    hops = [hop for value in forwarded for part in value.split(",") if (hop := part.strip())]
    while hops and address in trusted_proxies:
        address = normal(hops.pop())
    return address


def is_local(peer: str, forwarded: Sequence[str], trusted_proxies: Sequence[str]) -> bool:
    """Whether the caller sits on this machine and no stranger is hidden behind a proxy."""
    if forwarded and not trusted_proxies:
        return False
    try:
        address = client_address(peer, forwarded, trusted_proxies)
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def normal(address: str) -> str:
    """The address in one spelling: an IPv4 caller of an IPv6 socket as its IPv4 address."""
    return _known(address)[0] if ":" in address else address


def counted_as(peer: str) -> str:
    """The name under which an address's connections are counted: itself, or its IPv6 /64."""
    return _known(peer)[1] if ":" in peer else peer


@lru_cache(REMEMBERED_MAX)
def _known(address: str) -> tuple[str, str]:
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address, address
    if parsed.ipv4_mapped is not None:
        mapped = str(parsed.ipv4_mapped)
        return mapped, mapped
    network = ipaddress.IPv6Network((parsed, IPV6_PREFIX_BITS), strict=False)
    return str(parsed), str(network)
