"""The client's address of a request, for every port.

`X-Forwarded-For` is evaluated from its right end, as far as trusted proxies wrote it: the first
address that is not a trusted proxy's is the client's. Repeated headers are one list, in order
(RFC 9110, 5.3).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

IPV6_PREFIX_BITS: Final = 64
"""A customer has at least one IPv6 /64 (RFC 6177), so its addresses count as one."""
CACHED_ADDRESSES_MAX: Final = 4096


def client_address(peer: str, forwarded: Sequence[str], trusted_proxies: Sequence[str]) -> str:
    """The address of the client; the peer's own unless the peer is a trusted proxy.

    Args:
        peer: the address of the connection's other end.
        forwarded: the values of all `X-Forwarded-For` headers, in order.
        trusted_proxies: the addresses of proxies whose `X-Forwarded-For` is trusted.
    """
    address = normalize(peer)
    if not forwarded:
        return address
    hops = [hop for value in forwarded for part in value.split(",") if (hop := part.strip())]
    while hops and address in trusted_proxies:
        address = normalize(hops.pop())
    return address


def is_local(peer: str, forwarded: Sequence[str], trusted_proxies: Sequence[str]) -> bool:
    """Whether the client runs on this machine; false behind a proxy that is not trusted."""
    if forwarded and not trusted_proxies:
        return False
    try:
        address = client_address(peer, forwarded, trusted_proxies)
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def normalize(address: str) -> str:
    """The canonical text of an address; an IPv4-mapped IPv6 address becomes the IPv4 address."""
    return _parse(address)[0] if ":" in address else address


def network_of(address: str) -> str:
    """The network that limits apply to: an IPv4 address itself, or the /64 of an IPv6 address."""
    return _parse(address)[1] if ":" in address else address


@lru_cache(CACHED_ADDRESSES_MAX)
def _parse(address: str) -> tuple[str, str]:
    """The canonical text and the network of an IPv6 address; other text is returned unchanged."""
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address, address
    if parsed.ipv4_mapped is not None:
        ipv4 = str(parsed.ipv4_mapped)
        return ipv4, ipv4
    network = ipaddress.IPv6Network((parsed, IPV6_PREFIX_BITS), strict=False)
    return str(parsed), str(network)
