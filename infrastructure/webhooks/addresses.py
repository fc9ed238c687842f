"""Which IP addresses the ledger may call on behalf of somebody else."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

GLOBAL_UNICAST: Final = ip_network("2000::/3")
"""IPv6 addresses outside of it are special: local, mapped, NAT64, multicast (RFC 4291)."""
FORBIDDEN: Final = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "192.0.0.0/24",  # protocol assignments, all of them
        "192.31.196.0/24",  # AS112 and AMT: anycast services, nobody's web server
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks
        "168.63.129.16/32",  # metadata of a cloud, on a public address
        "240.0.0.0/4",
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 wraps any IPv4 address
        "3fff::/20",  # documentation
    )
)
"""What `is_global` of some Python versions does not exclude."""


def may_call(text: str, *, loopback: bool = False) -> bool:
    """Whether an address may be called.

    Args:
        text: an address as a resolver returns it.
        loopback: whether this machine may be called.
    """
    try:
        address = ip_address(text)
    except ValueError:  # also an address with a zone that is none
        return False
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    if address in (IPv4Address("127.0.0.1"), IPv6Address("::1")):
        return loopback
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    if any(address in network for network in FORBIDDEN if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
